// Shows the fields that the chosen kind of event may bring along. Without it all of them are shown.
(function () {
  "use strict";
  document.querySelectorAll("[data-brings]").forEach(function (part) {
    var brings = JSON.parse(part.dataset.brings);
    var kind = part.querySelector("select[name=type]");
    var fit = function () {
      var wanted = brings[kind.value];
      part.querySelectorAll("[data-told]").forEach(function (field) {
        var wrong = field.querySelector(".is-invalid");
        field.hidden = Boolean(wanted) && wanted.indexOf(field.dataset.told) < 0 && !wrong;
      });
    };
    kind.addEventListener("change", fit);
    fit();
  });
})();
