// A link that is shown once: one touch selects all of it.
document.querySelectorAll("input[data-select]").forEach(function (field) {
  "use strict";
  field.addEventListener("focus", function () { field.select(); });
  field.focus();
});
