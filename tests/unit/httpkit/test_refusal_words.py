"""Words of real refusals, each from a report of a user of that service or from its documentation."""

from __future__ import annotations

import pytest

from httpkit.refusal_words import (
    disguised_status,
    never_fits_a_minute,
    says_filtered,
    says_model_missing,
    says_out_of_money,
    says_too_long,
)

TOO_LONG = {
    "xAI": "This model's maximum prompt length is 131072 but the request contains 136973 tokens.",
    "Anthropic": "prompt is too long: 202095 tokens > 200000 maximum",
    "Anthropic's output": "input length and `max_tokens` exceed context limit: 188240 + 20000 > 200000",
    "TGI": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "TGI's input": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
    "SGLang": "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "vLLM": "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure that "
    "`max_model_len` is no smaller than the number of text tokens.",
    "Gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Bedrock": "Input is too long for requested model.",
    "Groq": "Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 7000",
    "Cohere": "too many tokens: total number of tokens in the prompt cannot exceed 4081",
    "TabbyAPI": "Prompt length 5000 is greater than max_seq_len 4096",
    "LM Studio": "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with "
    "context length of only 4096 tokens",
    "Ollama": "the input length exceeds the context length",
    "Mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
}
OUT_OF_MONEY = {
    "OpenAI": "You exceeded your current quota, please check your plan and billing details.",
    "DeepSeek": "Insufficient Balance",
    "Anthropic": "Your credit balance is too low to access the Anthropic API.",
    "OpenRouter": "This request requires more credits, or fewer max_tokens.",
    "Alibaba": "Arrearage: Access denied, please make sure your account is in good standing.",
    "LiteLLM": "litellm.RateLimitError: RateLimitError: OpenAIException - insufficient_quota",
    "Gemini without a plan": "You exceeded your current quota, limit: 0, model: gemini-3-pro\nPlease retry in 16.6s.",
}


@pytest.mark.parametrize("service", TOO_LONG)
def test_that_a_conversation_is_too_long_is_understood(service: str) -> None:
    assert says_too_long(TOO_LONG[service])
    assert not says_out_of_money(TOO_LONG[service])
    assert not says_model_missing(TOO_LONG[service])


@pytest.mark.parametrize("service", OUT_OF_MONEY)
def test_that_somebody_has_to_pay_is_understood(service: str) -> None:
    assert says_out_of_money(OUT_OF_MONEY[service])
    assert not says_too_long(OUT_OF_MONEY[service])


@pytest.mark.parametrize(
    "words",
    [
        "Too many tokens, please wait before trying again.",  # Bedrock
        "Number of concurrent requests exceeds the maximum",
        "Rate limit: request body too large",
        "The input image is too large",
        "413 Request Entity Too Large",  # nginx
    ],
)
def test_a_throttle_and_a_picture_that_is_too_large_are_no_long_conversation(words: str) -> None:
    assert not says_too_long(words)


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (TOO_LONG["Groq"], True),
        ("Request too large for gpt-4o (TPM): Limit 30000, Requested 40000. Reduce your input.", True),
        ("Rate limit reached (TPM): Limit 30000, Used 29000, Requested 4000. Please try again in 6s.", False),
        ("Too many tokens, please wait before trying again.", False),
        ("Request too large for the moment", False),
    ],
)
def test_only_numbers_tell_that_a_request_never_fits_into_a_minute(words: str, never: bool) -> None:
    assert never_fits_a_minute(words) is never


@pytest.mark.parametrize(
    ("words", "out_of_money"),
    [
        ("Invalid file: billing_2024.csv cannot be read.", False),
        ("Unexpected input: how many credits, and what is the spending limit?", False),
        ("Your credit balance is too low to access the Anthropic API.", True),
        ("Billing hard limit has been reached", True),
        ("You exceeded your current quota, please check your plan and billing details.", True),
    ],
)
def test_words_that_may_quote_a_person_speak_of_money_only_to_the_owner_of_the_account(
    words: str, out_of_money: bool
) -> None:
    assert says_out_of_money(words, may_quote=True) is out_of_money


def test_only_the_beginning_of_an_error_is_read() -> None:
    assert not any(
        says(" " * 8_000 + "model not found, prompt too long, billing")
        for says in (
            says_too_long,
            says_model_missing,
            says_out_of_money,
        )
    )


def test_a_quota_of_the_minute_is_no_empty_purse() -> None:  # Gemini
    assert not says_out_of_money(
        "You exceeded your current quota, limit: 10, model: gemini-3-pro\nPlease retry in 16.6s."
    )
    assert not says_out_of_money("Rate limit reached for requests")


@pytest.mark.parametrize(
    ("words", "is_missing"),
    [
        ("The model `gpt-4-0314` has been deprecated, learn more here", True),
        ("The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.", True),
        ("Project `proj_1` does not have access to model `gpt-9`", True),
        ("Invalid model: mistral-old", True),
        ("model 'llama9' not found, try pulling it first", True),
        ("temperature is not supported with this model", False),
        ("This model does not support tools", False),
        ("Conversation with id 'conv_1' not found.", False),
        ("The model produced invalid content; file-abc not found", False),
    ],
)
def test_that_a_model_is_not_there_any_more_is_understood(words: str, is_missing: bool) -> None:
    assert says_model_missing(words) is is_missing


@pytest.mark.parametrize(
    ("words", "is_filtered"),
    [
        ("Your chosen model requires moderation and your input was flagged", True),
        ("Content Exists Risk", True),
        ("data_inspection_failed: Input data may contain inappropriate content.", True),
        ("The response was filtered: ResponsibleAIPolicyViolation", True),
        ("Invalid value for 'content': expected a string, got null.", False),
    ],
)
def test_that_a_filter_stopped_a_question_is_understood(words: str, is_filtered: bool) -> None:
    assert says_filtered(words) is is_filtered


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"message": "no", "code": 429}}, 429),
        ({"error": {"message": "no", "code": "429"}}, 429),
        ([{"error": {"message": "no", "code": 503}}], 503),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, 429),
        ({"error": {"message": "no", "code": None, "type": "insufficient_quota"}}, 429),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "no", "sequence_number": 0}, 429),
        ({"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, 400),
        ({"error": "model runner has unexpectedly stopped"}, 500),
        ({"error": {"code": 7}}, 500),
        ({"error": None, "choices": []}, None),
        ({"choices": []}, None),
        ([], None),
        ("error", None),
        (None, None),
    ],
)
def test_an_error_with_status_200_says_which_it_is(body: object, status: int | None) -> None:
    assert disguised_status(body) == status
