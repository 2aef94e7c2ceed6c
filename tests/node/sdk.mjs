// The official Node SDK against a running gateway: BASE_URL, MODEL and EMBEDDER in the environment.
// Prints one JSON object of what it saw; the test that runs it compares.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "unused", maxRetries: 0 });
const model = process.env.MODEL;
const messages = [{ role: "user", content: "What is an ecotone?" }];
const seen = {};

const whole = await client.chat.completions.create({ model, messages, max_tokens: 12, temperature: 0, seed: 1 });
seen.whole = whole.choices[0].message.content;
seen.usage = whole.usage.completion_tokens;

seen.streamed = "";
const stream = await client.chat.completions.create({
  model, messages, max_tokens: 12, temperature: 0, seed: 1, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  seen.streamed += chunk.choices[0]?.delta?.content ?? "";
  if (chunk.usage) seen.streamedUsage = chunk.usage.completion_tokens;
}

const parameters = {
  type: "object",
  properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
  required: ["city", "unit"],
  additionalProperties: false,
};
const called = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "How warm is it in Paris?" }],
  tools: [{ type: "function", function: { name: "get_weather", parameters } }],
  tool_choice: "required",
  max_tokens: 120,
});
seen.tool = called.choices[0].message.tool_calls[0].function;
seen.toolFinish = called.choices[0].finish_reason;

const schema = {
  type: "object",
  properties: { colour: { enum: ["red", "green", "blue"] } },
  required: ["colour"],
  additionalProperties: false,
};
const shaped = await client.chat.completions.create({
  model,
  messages: [{ role: "user", content: "Name a colour as JSON." }],
  response_format: { type: "json_schema", json_schema: { name: "colour", schema, strict: true } },
  max_tokens: 60,
});
seen.shaped = JSON.parse(shaped.choices[0].message.content);

const vectors = await client.embeddings.create({ model: process.env.EMBEDDER, input: ["one", "two"] });
seen.vectors = vectors.data.map((row) => row.embedding.length);

seen.models = [];
for await (const row of client.models.list()) seen.models.push(row.id);

async function failure(request) {
  try {
    await client.chat.completions.create(request);
    return "none";
  } catch (error) {
    return [error.constructor.name, error.status, error.code];
  }
}
seen.unknownModel = await failure({ model: "nobody", messages });
seen.badRequest = await failure({ model, messages: [] });
seen.tooLong = await failure({ model, messages: [{ role: "user", content: "word ".repeat(4000) }] });

console.log(JSON.stringify(seen));
