// Judges instances by JSON Schemas with Ajv, so that the schemas are seen by a second validator, with the regular expressions of
// ECMAScript. Strict mode also refuses unknown keywords and formats.
//
//   node schemas.mjs < {"schemas": [...], "instances": [[$id, instance], ...]}
//
// Prints a JSON array with true for each instance that is valid.
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';

const { schemas, instances } = JSON.parse(readFileSync(0, 'utf8'));
// Draft 2020-12 permits what these three want otherwise: a conditional may leave types, lengths and members to its parent.
const ajv = new Ajv.default({ schemas, strict: true, strictRequired: false, strictTypes: false, strictTuples: false, formats: {'date-time': true} });
console.log(JSON.stringify(instances.map(([id, instance]) => ajv.validate(id, instance))));
