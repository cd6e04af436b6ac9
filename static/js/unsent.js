// Signing out asks while scans of this device are not sent: after it nobody would be there in whose name they could go.
(function () {
  "use strict";

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.matches("[data-sign-out]") || form.dataset.sure || !window.indexedDB) { return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    unsent().then(function (count) {
      if (!count) { form.dataset.sure = "1"; form.requestSubmit(); return; }
      ask(form, count);
    });
  }, true);

  // Gives the number of unsent scans; 0 also where nobody has ever scanned, and the store is not made by asking.
  function unsent() {
    return new Promise(function (done) {
      var opening = window.indexedDB.open("rt-scan");
      opening.onupgradeneeded = function () { opening.transaction.abort(); };
      opening.onerror = function () { done(0); };
      opening.onblocked = function () { done(0); };
      opening.onsuccess = function () {
        var db = opening.result;
        var index = db.transaction("scans").objectStore("scans").index("state");
        var first = index.count("unsent");
        first.onerror = function () { db.close(); done(0); };
        first.onsuccess = function () {
          if (!first.result) { forget(db); }
          db.close();
          done(first.result);
        };
      };
    });
  }

  // Who finds the device then reads no names of partners in it; a device with a token of its own goes on scanning.
  function forget(db) {
    var meta = db.transaction("meta", "readwrite").objectStore("meta");
    var device = meta.get("device");
    device.onsuccess = function () { if (!device.result || !device.result.token) { meta.delete("snapshot"); } };
  }

  function ask(form, count) {
    var dialog = document.getElementById("unsent");
    document.getElementById("unsent-count").textContent = dialog.dataset.text.replace("{count}", count);
    dialog.querySelector("[data-leave]").onclick = function () { form.dataset.sure = "1"; dialog.close(); form.requestSubmit(); };
    dialog.querySelector("[data-stay]").onclick = function () { dialog.close(); };
    dialog.showModal();
  }
})();
