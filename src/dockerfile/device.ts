import { didYouMean, StrakeError } from "../errors/index.ts";
import type { DeviceRequest, Flag } from "./ast.ts";
import { csvFields } from "./csv.ts";
import { parseBool } from "./go-values.ts";

/**
 * Reads `--device=name[,required[=bool]]` or `--device=name=vendor/class,...`. CDI names may hold `=`
 * (`vendor/class=gpu0`), so a first field that is no known key is the name. Throws `DOCKERFILE_FLAG_INVALID`.
 */
export function parseDevice(flag: Flag): DeviceRequest {
  let name: string | undefined;
  let required = false;
  for (const field of csvFields(flag.value ?? "")) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const value = equals < 0 ? undefined : field.slice(equals + 1);
    if (key === "required") {
      const parsed = value === undefined ? true : parseBool(value);
      if (parsed === undefined) throw invalid(`invalid value for ${key}: ${value}`);
      required = parsed;
    } else if (key === "name" && value !== undefined) {
      if (name !== undefined) throw invalid(`device name already set to ${name}`);
      name = value;
    } else if (name === undefined) name = field;
    else if (value === undefined) throw invalid(`invalid field '${field}' must be a key=value pair`);
    else throw invalid(`unexpected key '${key}' in '${field}'${didYouMean(key, ["name", "required"])}`);
  }
  if (!name) throw invalid("a device request needs a name");
  return { name, required };
}

function invalid(message: string): StrakeError {
  return new StrakeError("DOCKERFILE_FLAG_INVALID", message);
}
