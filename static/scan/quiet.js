// A scan goes before everything else. While one is being typed, judged, kept and shown, nothing begins that can wait: on a
// handheld the sending of the last scan, and the lists under it, would hold up the picture of the next one.

const REST = 80; // ms after the last key or verdict in which nothing begins: longer than between two keys of a scanner
const PATIENCE = 600; // ms; with somebody who never stops scanning it begins all the same

let until = 0;
let under = 0; // scans that were read and are not shown yet

/** A key of a scan has come. */
export function busy() { until = performance.now() + REST; }

/** A scan is read, until its verdict stands on the page: as long as `work` takes. */
export async function first(work) {
  under += 1;
  try { return await work(); } finally { under -= 1; busy(); }
}

/** Over when no scan is under way. */
export async function quiet() {
  const begin = performance.now();
  for (;;) {
    const now = performance.now();
    const rest = under ? REST : until - now;
    if (rest <= 0 || now - begin > PATIENCE) { return; }
    await new Promise((done) => { setTimeout(done, rest + 1); });
  }
}
