// Unpacks the matrices of the API: little-endian integers in base64, each to be multiplied by a scale.

/**
 * The numbers, row by row.
 * @param {Api.PackedArray} packed
 */
export function unpack({ shape: [rows, columns], dtype, scale, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  /** @param {number} index */
  const integerAt = (index) =>
    dtype === "uint16" ? view.getUint16(2 * index, true) : view.getInt32(4 * index, true);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => integerAt(row * columns + column) * scale),
  );
}
