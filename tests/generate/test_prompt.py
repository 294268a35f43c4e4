from __future__ import annotations

from datetime import datetime

import pytest

from assistant.errors import GGUFError
from assistant.generate.prompt import ChatTemplate, PromptPlan
from tests.generate.toys import CHATML

LLAMA_3 = """{{- bos_token }}
{%- set date_string = strftime_now("%d %b %Y") %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' "
    "+ message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)

QWEN_3 = CHATML.replace(
    "<|im_start|>assistant\n",
    "<|im_start|>assistant\n{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}",
)


def plan(source: str | None, instruction: str = "Be kind.", bos: str | None = None) -> PromptPlan:
    return ChatTemplate(source, bos=bos, eos="</s>").plan(instruction)


def test_system_message_then_user_message() -> None:
    assert plan(CHATML) == PromptPlan(
        static="<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n",
        separator="\n",
        after_user="<|im_end|>\n<|im_start|>assistant\n",
        between="<|im_end|>\n<|im_start|>user\n",
    )


def test_context_line_stands_before_the_users_words() -> None:
    assert plan(CHATML).before_user("It is noon.") == "It is noon.\n"


def test_no_context_leaves_no_separator() -> None:
    assert plan(CHATML).before_user("") == ""


def test_template_with_todays_date_and_first_token() -> None:
    cut = plan(LLAMA_3, bos="<|begin_of_text|>")
    today = datetime.now().astimezone().strftime("%d %b %Y")

    assert cut.static == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        f"Today Date: {today}\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n"
    )
    assert cut.after_user == "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"


def test_template_that_refuses_a_system_role_takes_the_instruction_with_the_user() -> None:
    cut = plan(GEMMA, bos="<bos>")

    assert cut.static == "<bos><start_of_turn>user\nBe kind.\n\n"
    assert cut.after_user == "<end_of_turn>\n<start_of_turn>model\n"


def test_template_that_ignores_a_system_role_takes_the_instruction_with_the_user() -> None:
    ignoring = "{% for m in messages if m.role != 'system' %}[{{ m.content }}]{% endfor %}"

    assert plan(ignoring) == PromptPlan("[Be kind.\n\n", "\n", "]", "][")


def test_thinking_is_switched_off() -> None:
    assert plan(QWEN_3).after_user.endswith("<think>\n\n</think>\n\n")


def test_model_without_template_is_asked_plainly() -> None:
    assert plan(None) == PromptPlan("Be kind.\n\nUser:\n", "\n", "\n\nAssistant:", "\n\nUser:\n")


def test_instruction_is_put_in_as_it_is() -> None:
    instruction = 'Say "hi" & <b>bye</b> {{ 7 * 7 }} {% raw %} naïve ☕\nin two lines.'

    assert instruction in plan(CHATML, f"  {instruction}\n").static


def test_another_instruction_changes_only_the_static_part() -> None:
    one, other = plan(CHATML, "Be kind."), plan(CHATML, "Be brief.")

    assert one.static.replace("kind", "brief") == other.static
    assert (one.separator, one.after_user) == (other.separator, other.after_user)


@pytest.mark.parametrize(
    "source",
    [
        "{{ messages[0].content }}:{{ messages[1].content }}",  # leaves out the rest
        CHATML + "{% if messages|length > 2 %}{{ raise_exception('one turn only') }}{% endif %}",
        CHATML.replace("{% for", "{% if messages|length > 2 %}Go on.{% endif %}{% for"),
        CHATML.replace("<|im_end|>", "{{ loop.index }}"),  # no turn looks like the one before
    ],
)
def test_a_template_that_does_not_continue_a_turn_is_good_for_one(source: str) -> None:
    assert plan(source).between is None


def test_training_marks_in_a_template_are_passed_over() -> None:
    marked = CHATML.replace(
        "{{ message['content'] }}", "{% generation %}{{ message['content'] }}{% endgeneration %}"
    )

    assert plan(marked) == plan(CHATML)


def test_loop_controls_and_json_work_as_in_transformers() -> None:
    source = (
        "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}"
        "{{ {'é': '<'} | tojson }}{{ m.content }}|{% endfor %}"
    )

    assert plan(source).static == '{"é": "<"}Be kind.|{"é": "<"}'


@pytest.mark.parametrize(
    "source",
    [
        "{% for message in messages %}",  # no valid Jinja
        "{{ messages[7]['content'] }}",  # fails when rendered
        "{{ 1 / 0 }}",  # fails with an error of Python's own
        "{{ raise_exception('never') }}",
        "nothing of what was said",
        "{% for m in messages %}{{ m.content | lower }}{% endfor %}",
        "{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",  # a way out of the sandbox
        "{{ messages.append({}) }}",  # changes what it was given
        "{% for i in range(999999999) %}{% endfor %}",
    ],
)
def test_unusable_templates_are_refused_in_one_line(source: str) -> None:
    with pytest.raises(GGUFError, match="chat template cannot be used") as raised:
        plan(source)
    assert "\n" not in str(raised.value)
