// Validates AsyncAPI documents with AsyncAPI's own parser, every $ref resolved.
//
//   node validate.mjs [document...]
//
// Without arguments it takes spec/asyncapi.yaml. It prints one line of JSON for each document: its errors and warnings, and for each
// operation the action and the $id of each message's payload. "Information" (a newer AsyncAPI exists) does not count.
// It exits with 1 if any document has an error or a warning.
import { fileURLToPath } from 'node:url';
import { Parser, fromFile } from '@asyncapi/parser';

const WARNING = 1;
const paths = process.argv.slice(2);
if (paths.length === 0) {
  paths.push(fileURLToPath(new URL('../../../spec/asyncapi.yaml', import.meta.url)));
}
for (const path of paths) {
  const { document, diagnostics } = await fromFile(new Parser(), path).parse();
  const faults = diagnostics
    .filter(({ severity }) => severity <= WARNING)
    .map(({ code, path: at, message }) => `${at.join('/')}: ${message} (${code})`);
  const operations = (document?.operations().all() ?? []).map((operation) => ({
    action: operation.action(),
    payloads: operation.messages().all().map((message) => message.payload().json().$id),
  }));
  console.log(JSON.stringify({ path, faults, operations }));
  process.exitCode = faults.length > 0 || document === undefined ? 1 : process.exitCode;
}
