// What hand and ear learn of a scan. Colour, icon and word are in screens.js; the three always say the same.

// [frequency in Hz, start and length in s, wave]: the tones differ in pitch and in rhythm
const TONES = {
  ok: [[1760, 0, 0.09, "sine"]],
  kept: [[1175, 0, 0.06, "sine"]],
  known: [[440, 0, 0.05, "triangle"], [440, 0.11, 0.05, "triangle"]],
  warn: [[988, 0, 0.13, "triangle"], [740, 0.17, 0.16, "triangle"]],
  bad: [[185, 0, 0.7, "square"]],
};
const SHAKES = { ok: 40, kept: 30, known: [30, 60, 30], warn: [80, 60, 80], bad: 500 };

let audio = null;

/** Browsers play nothing before a tap: called from the tap that begins a session. */
export function unlockSound() {
  const Context = window.AudioContext || window.webkitAudioContext;
  if (!audio && Context) { audio = new Context(); }
  if (audio && audio.state === "suspended") { audio.resume(); }
}

/** Sound and vibration of a verdict: ok, kept, known, warn, ask, bad. Gives the name of the sound. */
export function signal(kind) {
  const name = { ask: "warn", unsure: "kept", sending: "kept" }[kind] || kind;
  // before the first tap a browser only complains
  if (navigator.vibrate && SHAKES[name] && navigator.userActivation?.hasBeenActive) { navigator.vibrate(SHAKES[name]); }
  if (audio && audio.state === "running") { for (const tone of TONES[name] || []) { play(tone); } }
  return name;
}

function play([frequency, start, length, wave]) {
  const begin = audio.currentTime + start;
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.type = wave;
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0.4, begin);
  gain.gain.setTargetAtTime(0, begin + length - 0.02, 0.01); // no click at the end
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(begin);
  oscillator.stop(begin + length + 0.05);
}
