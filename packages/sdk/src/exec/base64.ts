/** Base64 both ways, by Node's fast path where there is one. */

const CHUNK_BYTES = 0x8000; // String.fromCharCode takes its bytes as arguments, whose number is limited.

export function toBase64(data: Uint8Array): string {
  if (typeof Buffer !== "undefined") {
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
  }
  let binary = "";
  for (let at = 0; at < data.length; at += CHUNK_BYTES) {
    binary += String.fromCharCode(...data.subarray(at, at + CHUNK_BYTES));
  }
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array {
  if (typeof Buffer !== "undefined") return new Uint8Array(Buffer.from(text, "base64"));
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
