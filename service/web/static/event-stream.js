// Reads server-sent events from the body of a response.

/** @param {ReadableStream<Uint8Array<ArrayBuffer>>} body */
export async function* parseEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r\n", "\n");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const event of blocks.map(parseEvent)) {
      if (event.data) yield event;
    }
  }
}

/** @param {string} block */
function parseEvent(block) {
  const event = { id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "id") event.id = value;
    if (name === "data") event.data += value;
  }
  return event;
}
