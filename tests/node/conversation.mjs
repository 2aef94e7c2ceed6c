// One conversation with tools, whole and streamed, by each official Node SDK, against each model of the gateway.
// BASE_URL is the gateway's address; MODELS the models to ask, separated by commas. Prints one JSON object:
// {sdk: {model: {whole | stream: {calls, text}}}}; the test that runs it scripts the vendors and compares.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const url = process.env.BASE_URL;
const models = process.env.MODELS.split(",");
const question = "Weather in Zürich and 東京?";
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = { name: "get_weather", description: "The weather in a city.", parameters };
const sky = { Zürich: "rain", 東京: "sun" };

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: "unused", maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: "unused", httpOptions: { baseUrl: url } });

async function chat(model, stream) {
  const tools = [{ type: "function", function: weather }];
  const messages = [{ role: "user", content: question }];
  const ask = async () => {
    const fields = { model, messages, tools, max_completion_tokens: 2048 };
    if (!stream) return (await openai.chat.completions.create(fields)).choices[0].message;
    // The helper adds a field of its own to the message, which the API does not take back.
    const { parsed, ...message } = (await openai.chat.completions.stream(fields).finalChatCompletion()).choices[0].message;
    return message;
  };
  const first = await ask();
  messages.push(first);
  for (const call of first.tool_calls) {
    const { city } = JSON.parse(call.function.arguments);
    messages.push({ role: "tool", tool_call_id: call.id, content: sky[city] });
  }
  const calls = first.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  return { calls, text: (await ask()).content };
}

async function responses(model, stream) {
  const tools = [{ type: "function", strict: false, ...weather }];
  const input = [{ role: "user", content: question }];
  const ask = async () => {
    const fields = { model, input, tools, store: false, include: ["reasoning.encrypted_content"] };
    return stream ? await openai.responses.stream(fields).finalResponse() : await openai.responses.create(fields);
  };
  const first = await ask();
  // The streaming helper adds a field of its own to calls, which the API does not take back.
  input.push(...first.output.map(({ parsed_arguments, ...item }) => item));
  const called = first.output.filter((item) => item.type === "function_call");
  for (const call of called) {
    const { city } = JSON.parse(call.arguments);
    input.push({ type: "function_call_output", call_id: call.call_id, output: sky[city] });
  }
  const calls = called.map((call) => [call.name, JSON.parse(call.arguments)]);
  return { calls, text: (await ask()).output_text };
}

async function claude(model, stream) {
  const tools = [{ name: weather.name, description: weather.description, input_schema: parameters }];
  const messages = [{ role: "user", content: question }];
  const ask = async () => {
    const fields = { model, messages, tools, max_tokens: 2048 };
    return stream ? await anthropic.messages.stream(fields).finalMessage() : await anthropic.messages.create(fields);
  };
  const first = await ask();
  messages.push({ role: "assistant", content: first.content });
  const called = first.content.filter((block) => block.type === "tool_use");
  messages.push({
    role: "user",
    content: called.map((call) => ({ type: "tool_result", tool_use_id: call.id, content: sky[call.input.city] })),
  });
  const last = await ask();
  const text = last.content.filter((block) => block.type === "text").map((block) => block.text).join("");
  return { calls: called.map((call) => [call.name, call.input]), text };
}

async function gemini(model, stream) {
  const declaration = {
    name: weather.name, description: weather.description, parametersJsonSchema: parameters,
  };
  const config = { tools: [{ functionDeclarations: [declaration] }] };
  const contents = [{ role: "user", parts: [{ text: question }] }];
  const ask = async () => {
    if (!stream) return (await google.models.generateContent({ model, contents, config })).candidates[0].content.parts;
    const parts = [];
    for await (const chunk of await google.models.generateContentStream({ model, contents, config })) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
    }
    return parts;
  };
  const first = await ask();
  contents.push({ role: "model", parts: first });
  const called = first.filter((part) => part.functionCall).map((part) => part.functionCall);
  contents.push({
    role: "user",
    parts: called.map((call) => ({
      functionResponse: { id: call.id, name: call.name, response: { result: sky[call.args.city] } },
    })),
  });
  const last = await ask();
  const text = last.filter((part) => part.text && !part.thought).map((part) => part.text).join("");
  return { calls: called.map((call) => [call.name, call.args]), text };
}

const seen = {};
for (const [sdk, converse] of Object.entries({ chat, responses, claude, gemini })) {
  seen[sdk] = {};
  for (const model of models) {
    seen[sdk][model] = { whole: await converse(model, false), stream: await converse(model, true) };
  }
}
console.log(JSON.stringify(seen));
