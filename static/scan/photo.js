// A photo of a damage, made small enough to send. Apart from the camera, which is fetched when somebody opens it: a photo is
// taken where there is no network, too.

/** A photo from a file field, at most `longest` pixels on its longer side, as JPEG. */
export async function shrunk(file, longest = 1600) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  for (const quality of [0.82, 0.6, 0.4]) {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (blob && blob.size <= 1_900_000) { return blob; }
  }
  throw new Error("too large");
}
