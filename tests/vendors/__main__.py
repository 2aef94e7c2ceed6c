"""Run a fake vendor by hand: `python -m tests.vendors --port 9000 --key sk-test`."""

import argparse
import asyncio

from . import Delivery, Ending, Failure, FakeOpenAI, Reply, Scripted
from .openai_chat import MODELS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.vendors", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--key", default="sk-test", help="the only API key it accepts (default: %(default)s)")
    parser.add_argument("--model", action="append", help="a model it has; repeatable (default: some well-known names)")
    parser.add_argument("--text", help="what it answers (default: an echo that names the model)")
    parser.add_argument("--delay-s", type=float, default=0, help="seconds before the first byte")
    parser.add_argument("--gap-s", type=float, default=0, help="seconds after each write")
    parser.add_argument("--events", type=int, help="events of a stream before --ending takes over")
    endings = [ending.name.lower() for ending in Ending]
    parser.add_argument("--ending", choices=endings, default="complete", help="how a reply ends (default: %(default)s)")
    parser.add_argument("--fail", type=int, metavar="STATUS", help="answer each request with this HTTP error")
    return parser.parse_args()


async def serve(options: argparse.Namespace) -> None:
    delivery = Delivery(
        delay_s=options.delay_s, gap_s=options.gap_s, events=options.events, ending=Ending[options.ending.upper()]
    )
    answer: Scripted = Reply(text=options.text, delivery=delivery)
    if options.fail:
        answer = Failure(options.fail, delivery=delivery)
    async with FakeOpenAI(options.key, options.model or MODELS, answer, options.port) as vendor:
        print(f"ready {vendor.base_url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(arguments()))
    except KeyboardInterrupt:
        print("stopped")
