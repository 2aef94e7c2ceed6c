"""Run a fake vendor by hand: `python -m tests.vendors --wire responses --port 9000 --key sk-test`."""

import argparse
import asyncio
import importlib
from typing import Any

from . import Delivery, Ending, Failure, FakeVendor, Reply, Scripted

WIRES = {
    "chat": ("openai_chat", "FakeOpenAI"),
    "responses": ("openai_responses", "FakeResponses"),
    "anthropic": ("anthropic_messages", "FakeAnthropic"),
    "gemini": ("gemini_generate", "FakeGemini"),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.vendors", description=__doc__)
    parser.add_argument("--wire", choices=WIRES, default="chat", help="whose API it speaks (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--key", default="sk-test", help="the only API key it accepts (default: %(default)s)")
    parser.add_argument("--model", action="append", help="a model it has; repeatable (default: some well-known names)")
    parser.add_argument("--text", help="what it answers (default: an echo that names the model)")
    parser.add_argument("--reasoning", help="what it thinks before it answers (default: nothing)")
    parser.add_argument("--delay-s", type=float, default=0, help="seconds before the first byte")
    parser.add_argument("--gap-s", type=float, default=0, help="seconds after each write")
    parser.add_argument("--events", type=int, help="events of a stream before --ending takes over")
    endings = [ending.name.lower() for ending in Ending]
    parser.add_argument("--ending", choices=endings, default="complete", help="how a reply ends (default: %(default)s)")
    parser.add_argument("--fail", type=int, metavar="STATUS", help="answer each request with this HTTP error")
    return parser.parse_args()


def fake(options: argparse.Namespace, answer: Scripted) -> FakeVendor:
    module, name = WIRES[options.wire]
    settings: dict[str, Any] = {"key": options.key, "otherwise": answer, "port": options.port}
    if options.model:
        settings["models"] = options.model
    vendor: FakeVendor = getattr(importlib.import_module(f"{__package__}.{module}"), name)(**settings)
    return vendor


async def serve(options: argparse.Namespace) -> None:
    delivery = Delivery(
        delay_s=options.delay_s, gap_s=options.gap_s, events=options.events, ending=Ending[options.ending.upper()]
    )
    answer: Scripted = Reply(text=options.text, reasoning=options.reasoning, delivery=delivery)
    if options.fail:
        answer = Failure(options.fail, delivery=delivery)
    async with fake(options, answer) as vendor:
        print(f"ready {vendor.base_url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments()))
    except KeyboardInterrupt:
        print("stopped")
