// Small behaviour of all pages. Every page works without it.
(function () {
  "use strict";

  // The scan page, which opens without a network, speaks the language of the other pages.
  try { window.localStorage.setItem("rt-language", document.documentElement.lang.slice(0, 2)); } catch (_) { /* not kept */ }

  // '/' puts the cursor into the search field.
  document.addEventListener("keydown", function (event) {
    var editing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !editing && !event.ctrlKey && !event.metaKey) {
      var search = document.querySelector("[data-hotkey='/']");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });

  // The summary of errors, else the first wrong field, takes the focus.
  var first = document.querySelector("[aria-invalid='true']") || document.querySelector("[data-focus]");
  if (first) { first.focus(); }

  // A link from a problem leads to a field: it takes the focus.
  var wanted = !first && window.location.hash && document.getElementById(window.location.hash.slice(1));
  if (wanted && wanted.closest("details")) { wanted.closest("details").open = true; }
  if (wanted && wanted.matches("input, select, textarea")) { wanted.focus({ preventScroll: true }); }

  // A filter applies as soon as it is chosen.
  document.querySelectorAll("select[data-submit]").forEach(function (select) {
    select.addEventListener("change", function () { select.form.requestSubmit(); });
  });

  // The menu stays open on wide screens and closed on small ones.
  var menu = document.querySelector(".rt-menu");
  if (menu) {
    var wide = window.matchMedia("(min-width: 64rem)");
    var fit = function () { menu.open = wide.matches; };
    fit();
    wide.addEventListener("change", fit);
  }

  // A group of the menu closes when one goes on elsewhere.
  document.addEventListener("click", function (event) {
    document.querySelectorAll(".rt-group[open]").forEach(function (group) {
      if (!group.contains(event.target)) { group.open = false; }
    });
  });

  // What is shown once is copied by a button. Browsers have their clipboard behind https only; before that they copy what is marked.
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var from = document.getElementById(button.dataset.copy), done = function () { button.textContent = button.dataset.copied; };
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", function () {
      from.select();
      var marked = function () { if (document.execCommand("copy")) { done(); } };
      if (navigator.clipboard) { navigator.clipboard.writeText(from.value).then(done, marked); } else { marked(); }
    });
  });

  // A button that starts something is pressed once.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.dataset.again !== undefined) { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    window.setTimeout(function () { delete form.dataset.sent; }, 5000);
  });
})();
