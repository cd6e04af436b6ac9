// Rows are added and taken out without asking the server; names stand under typed codes. The form works without this.
(function () {
  "use strict";
  var form = document.querySelector("form.sh-form");
  if (!form) { return; }

  function add(name) {
    var table = form.querySelector("[data-table='" + name + "']");
    var template = table.querySelector("template");
    var index = table.dataset.next;
    table.dataset.next = Number(index) + 1;
    var holder = document.createElement("div");
    holder.innerHTML = template.innerHTML.replaceAll("__i__", index);
    var row = holder.firstElementChild;
    table.insertBefore(row, template);
    row.querySelector("input").focus();
    return row;
  }

  form.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-add], button[data-remove]");
    if (!button) { return; }
    event.preventDefault();
    if (button.dataset.add) { add(button.dataset.add); return; }
    var row = button.closest(".sh-row");
    var table = row.closest("[data-table]");
    var next = row.nextElementSibling;
    row.remove();
    if (!table.querySelector(".sh-row:not(.sh-row-head)")) { add(table.dataset.table); return; }
    var other = next && next.matches(".sh-row") ? next : table.querySelector(".sh-row:not(.sh-row-head)");
    other.querySelector("input").focus();
  });

  // Enter in the last field of the last row starts a new row; elsewhere it saves.
  form.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || !event.target.matches(".sh-row input")) { return; }
    var row = event.target.closest(".sh-row");
    var inputs = row.querySelectorAll("input");
    if (event.target === inputs[inputs.length - 1]) {
      event.preventDefault();
      var next = row.nextElementSibling;
      if (next && next.matches(".sh-row")) { next.querySelector("input").focus(); } else { add(row.closest("[data-table]").dataset.table); }
    }
  });

  // The name of a typed code under its field.
  function show(input) {
    var place = input.parentElement.parentElement.querySelector(".sh-name");
    var text = input.value.trim().toUpperCase();
    var option = text && Array.prototype.find.call(input.list.options, function (o) { return o.value.toUpperCase() === text; });
    if (!place) {
      place = document.createElement("div");
      place.className = "sh-name";
      input.parentElement.after(place);
    }
    place.textContent = option ? option.label : "";
  }
  form.addEventListener("input", function (event) { if (event.target.list) { show(event.target); } });
  form.querySelectorAll("input[list]").forEach(show);

  // A link to a field opens its section.
  function open() {
    var target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) { return; }
    var section = target.closest("details");
    if (section) { section.open = true; }
    if (target.matches("input, select, textarea")) { target.focus(); }
  }
  window.addEventListener("hashchange", open);
  if (!document.querySelector("[data-focus]")) { open(); }

  // What was typed is not lost by a wrong click.
  var changed = false;
  form.addEventListener("input", function () { changed = true; });
  form.addEventListener("submit", function () { changed = false; });
  window.addEventListener("beforeunload", function (event) { if (changed) { event.preventDefault(); } });
})();
