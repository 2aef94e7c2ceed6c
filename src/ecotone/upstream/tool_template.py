"""Function calling for models whose own chat template does not know of functions.

Such a template drops the request's tools without a word. Where it speaks ChatML, a block in front of it takes over when
a request has tools, and tells the model of them in the way that Hermes and Qwen models were taught: each description
as JSON, each call as JSON between <tool_call> and </tool_call>. The engine reads that form back as tool calls. Without
tools the model's own template renders, unchanged.
"""

from typing import Final

_CHATML_START: Final = "<|im_start|>"

_WITH_TOOLS: Final = """\
{%- if tools %}
{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
{{- 'You can call these functions, described one a line:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\nTo call one, write its name and arguments as JSON like this:\\n' }}
{{- '<tool_call>\\n{"name": "...", "arguments": {...}}\\n</tool_call><|im_end|>\\n' }}
{%- for message in messages %}
{%- if message.role == 'assistant' %}
{{- '<|im_start|>assistant' }}
{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments if call.function.arguments is string else call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif not (message.role == 'system' and loop.first) %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
{%- else -%}
"""


def with_tools(template: str | None) -> str | None:
    """A template that also renders tools, or None where the model's own has to do."""
    if template is None or "tools" in template or _CHATML_START not in template:
        return None
    return _WITH_TOOLS + template + "{%- endif %}"
