// The official client of OpenAI's service, pointed at BASE_URL: does the steps that stand on stdin
// as JSON, one after the other, and prints what came of each.
import { createReadStream, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, baseURL] = process.argv.slice(2);
const { default: OpenAI } = await import(pathToFileURL(folder + "/index.mjs").href);
const steps = JSON.parse(readFileSync(0, "utf8"));

async function run(step) {
  const client = new OpenAI({
    apiKey: step.key ?? "sk-test",
    baseURL,
    maxRetries: step.retries ?? 0,
    timeout: step.timeout ?? 20000,
  });
  if (step.do === "transcribe")
    return client.audio.transcriptions.create({ file: createReadStream(step.file), ...step.with });
  if (step.do === "chat") return client.chat.completions.create(step.with);
  if (step.do === "stream") {
    let text = "", reason = null;
    for await (const chunk of await client.chat.completions.create({ ...step.with, stream: true })) {
      text += chunk.choices[0]?.delta?.content ?? "";
      reason = chunk.choices[0]?.finish_reason ?? reason;
    }
    return { text, reason };
  }
  if (step.do === "models") {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return { names };
  }
  throw new Error("there is no step " + step.do);
}

const outcomes = [];
for (const step of steps) {
  const started = performance.now();
  const outcome = await run(step).then(
    (answer) => ({ answer }),
    ({ constructor, status, code, type, param, message }) => ({
      error: { name: constructor.name, status, code, type, param, message },
    }),
  );
  outcomes.push({ ...outcome, seconds: (performance.now() - started) / 1000 });
}
console.log(JSON.stringify(outcomes));
