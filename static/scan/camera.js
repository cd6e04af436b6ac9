// The camera as a scanner: the browser's own BarcodeDetector where there is one, else ZXing from our own server.

const RATE = 80; // ms between two looks
const GONE = 1000; // ms for which a code must have left the picture before it counts again
const FORMATS = { native: ["qr_code", "data_matrix", "code_128"], zxing: ["QRCode", "DataMatrix", "Code128"] };

export async function findDetector() {
  if ("BarcodeDetector" in window) {
    try {
      const can = await window.BarcodeDetector.getSupportedFormats();
      if (can.includes("qr_code")) {
        const detector = new window.BarcodeDetector({ formats: FORMATS.native.filter((format) => can.includes(format)) });
        return { name: "native", read: async (canvas) => (await detector.detect(canvas)).map((found) => ({ text: found.rawValue, points: found.cornerPoints })) };
      }
    } catch { /* it is there, but does not work on this machine */ }
  }
  await loadScript("/static/vendor/zxing-wasm/reader.js");
  const zxing = window.ZXingWASM;
  zxing.prepareZXingModule({ overrides: { locateFile: () => "/static/vendor/zxing-wasm/zxing_reader.wasm" } });
  const options = { formats: FORMATS.zxing, tryHarder: true, tryInvert: true, maxNumberOfSymbols: 12, textMode: "Plain" };
  return {
    name: "zxing",
    async read(canvas) {
      const picture = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, canvas.width, canvas.height);
      const found = await zxing.readBarcodes(picture, options);
      return found.filter((one) => one.isValid !== false && one.text).map((one) => ({
        text: (one.symbologyIdentifier && /^\](Q3|d2|C1)/.test(one.symbologyIdentifier) ? one.symbologyIdentifier : "") + one.text,
        points: ["topLeft", "topRight", "bottomRight", "bottomLeft"].map((corner) => one.position[corner]),
      }));
    },
  };
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    if (window.ZXingWASM) { resolve(); return; }
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error(address));
    document.head.append(script);
  });
}

export class Camera {
  /**
   * video, overlay (a canvas over it). onCode(text): read. onSeveral(texts): more than one in view; null when none is.
   * takeAll(): true when all are to be taken (a count). remembered, remember(choice): {device, zoom}.
   */
  constructor({ video, overlay, onCode, onSeveral, takeAll, remembered = {}, remember = () => {} }) {
    Object.assign(this, { video, overlay, onCode, onSeveral, takeAll, remember });
    this.choice = { device: "", zoom: 0, ...remembered };
    this.seen = new Map(); // text → when it was in the picture last
    this.stream = null;
    this.torchOn = false;
    this.canvas = document.createElement("canvas");
    this.offered = "";
  }

  get on() { return this.stream !== null; }

  /** Throws NotAllowedError when the person or the system says no, NotFoundError without a camera. */
  async start() {
    if (!navigator.mediaDevices) { throw new DOMException("insecure", "SecurityError"); } // plain http
    const wanted = this.choice.device ? { deviceId: { exact: this.choice.device } } : { facingMode: { ideal: "environment" } };
    const size = { width: { ideal: 1920 }, height: { ideal: 1080 } };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, ...size }, audio: false });
    } catch (error) {
      if (!this.choice.device || error.name !== "OverconstrainedError") { throw error; }
      this.choice.device = ""; // that camera is gone
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" }, ...size }, audio: false });
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    this.detector ||= await findDetector();
    if (!this.stream) { return; } // put away in the meantime
    const can = this.capabilities();
    if (can.zoom) { await this.zoom(this.choice.zoom || Math.min(2, can.zoom.max)); }
    this.track()?.applyConstraints({ advanced: [{ focusMode: "continuous" }] }).catch(() => {});
    this.look();
  }

  stop() {
    for (const track of this.stream ? this.stream.getTracks() : []) { track.stop(); }
    this.stream = null;
    this.torchOn = false;
    this.video.srcObject = null;
    clearTimeout(this.timer);
  }

  track() { return this.stream ? this.stream.getVideoTracks()[0] : null; }
  /** {torch: true, zoom: {min, max, step}} as far as this camera has them. */
  capabilities() { const track = this.track(); return track && track.getCapabilities ? track.getCapabilities() : {}; }

  async torch() {
    if (!this.capabilities().torch) { return false; }
    this.torchOn = !this.torchOn;
    await this.track().applyConstraints({ advanced: [{ torch: this.torchOn }] });
    return true;
  }
  async zoom(times) {
    const can = this.capabilities().zoom;
    if (!can) { return; }
    this.choice.zoom = Math.max(can.min, Math.min(can.max, times));
    await this.track().applyConstraints({ advanced: [{ zoom: this.choice.zoom }] }).catch(() => {});
    this.remember(this.choice);
  }
  async cameras() { return (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput"); }
  async choose(device) {
    this.stop();
    this.choice = { device, zoom: 0 };
    this.remember(this.choice);
    await this.start();
  }

  async look() {
    if (!this.stream) { return; }
    const begin = performance.now();
    try {
      if (this.video.videoWidth) { this.took(await this.detector.read(this.frame())); }
    } catch (error) { console.warn(error); }
    this.timer = setTimeout(() => this.look(), Math.max(20, RATE - (performance.now() - begin)));
  }

  /** The middle of the picture, as it is shown; whole in a count, where codes lie at the edges too. */
  frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    const [wide, high] = this.takeAll() ? [width, height] : [side, side];
    this.cut = { x: (width - wide) / 2, y: (height - high) / 2, wide, high };
    if (this.canvas.width !== wide || this.canvas.height !== high) { Object.assign(this.canvas, { width: wide, height: high }); }
    this.canvas.getContext("2d", { willReadFrequently: true }).drawImage(this.video, this.cut.x, this.cut.y, wide, high, 0, 0, wide, high);
    return this.canvas;
  }

  took(found) {
    const now = performance.now();
    const codes = [...new Map(found.map((one) => [one.text, one])).values()];
    this.mark(codes);
    const fresh = codes.filter((one) => now - (this.seen.get(one.text) ?? -Infinity) > GONE);
    for (const one of codes) { if (!fresh.includes(one) || codes.length === 1 || this.takeAll()) { this.seen.set(one.text, now); } }
    if (codes.length > 1 && !this.takeAll()) {
      const texts = codes.map((one) => one.text).sort();
      if (texts.join("\n") !== this.offered) { this.offered = texts.join("\n"); this.onSeveral(texts); }
      return;
    }
    if (codes.length && this.offered) { this.offered = ""; this.onSeveral(null); }
    for (const one of fresh) { this.onCode(one.text); }
  }
  /** One of several was chosen: it counts again only when it has left the picture. */
  chose(text) { this.seen.set(text, performance.now() + 2000); this.onCode(text); }

  mark(codes) {
    const { overlay, cut } = this;
    const { width, height } = overlay.getBoundingClientRect();
    if (overlay.width !== Math.round(width) || overlay.height !== Math.round(height)) { Object.assign(overlay, { width: Math.round(width), height: Math.round(height) }); }
    const pen = overlay.getContext("2d");
    pen.clearRect(0, 0, overlay.width, overlay.height);
    // the video fills its box and is cut at the longer side
    const scale = Math.max(width / this.video.videoWidth, height / this.video.videoHeight);
    const shift = { x: (width - this.video.videoWidth * scale) / 2, y: (height - this.video.videoHeight * scale) / 2 };
    pen.lineWidth = 4;
    pen.strokeStyle = "#00e676";
    for (const { points } of codes) {
      pen.beginPath();
      for (const [index, point] of points.entries()) {
        const [x, y] = [(point.x + cut.x) * scale + shift.x, (point.y + cut.y) * scale + shift.y];
        if (index) { pen.lineTo(x, y); } else { pen.moveTo(x, y); }
      }
      pen.closePath();
      pen.stroke();
    }
  }
}
