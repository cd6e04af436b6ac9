// Compares a PDF with what was issued. The file stays on this device: it is read in pieces and hashed here.
(function () {
  "use strict";
  var drop = document.getElementById("drop");
  var answer = document.getElementById("answer");
  var files = JSON.parse(drop.dataset.files);
  var PIECE = 4 * 1024 * 1024;
  var turn = 0; // a second file ends the reading of the first

  function say(text, look) {
    answer.hidden = false;
    answer.textContent = text;
    answer.className = "rt-state public-verdict " + look;
  }

  async function check(file) {
    var mine = ++turn;
    var hash = sha256.create();
    say(drop.dataset.reading, "");
    for (var start = 0; start < file.size; start += PIECE) {
      hash.update(await file.slice(start, start + PIECE).arrayBuffer());
      if (mine !== turn) { return; }
    }
    var found = files.find(function (one) { return one.sha256 === hash.hex(); });
    if (!found) { say(drop.dataset.other, "rt-bad"); return; }
    say(drop.dataset[found.status].replace("NUMBER", found.number), { issued: "rt-ok", replaced: "rt-warn", void: "rt-bad" }[found.status]);
  }

  document.getElementById("file").addEventListener("change", function (event) {
    if (event.target.files.length) { check(event.target.files[0]); }
  });
  document.addEventListener("dragover", function (event) { event.preventDefault(); });
  document.addEventListener("drop", function (event) {
    event.preventDefault();
    if (event.dataTransfer.files.length) { check(event.dataTransfer.files[0]); }
  });
})();
