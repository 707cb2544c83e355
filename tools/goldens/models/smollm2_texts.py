"""Prompts and texts of smollm2.py."""

LONG_QUESTION = 'Write a list of the people in this text and what each of them does.'

PROMPTS = [
    {'name': 'capital', 'chat': 'What is the capital of France? Answer in one word.'},
    {'name': 'list', 'chat': 'Name five things one can find in a harbour.'},
    {'name': 'explain', 'chat': 'Explain to a ten-year-old why the sky is blue.'},
    {'name': 'code', 'chat': 'Write a Python function that returns the n-th Fibonacci number.'},
    {'name': 'numbers', 'text': 'The invoice of 2024-03-17 lists 12 items at 4.50 each, which makes 54.00, and 3 items at 19.99 each, which makes'},
    {'name': 'story', 'text': 'The lighthouse keeper had not spoken to anyone for eleven days when'},
    {'name': 'unicode', 'text': 'Grüße aus Köln! Übersetzung: "Greetings from Cologne!" — Voilà, l\'été est là. Traduction:'},
]

SPECIALS = ['<|im_start|>', '<|im_end|>', '<|endoftext|>', '<|im_start|>system\nYou are terse.<|im_end|>\n']

PLAIN = [
    'Hello', ' world', 'Hello, world!', "don't", "we've got it, I'll go, she'd say", 'IT\'S', 'naïve café', 'a', ' ', '  ', '   ', '\n', '\n\n', '\t', '\r\n', ' \n ',
    'a  b   c    d', '    indented by four', '\tindented by a tab', 'trailing spaces   ', 'line one\nline two\r\nline three', 'x\n\n\ny',
]

DIGITS = [
    '0', '7', '42', '123', '1234567890', '3.14159', '1,000,000', '2024-03-17', '12:34:56', 'v1.2.3-rc4', 'abc123def456', '1st 2nd 3rd', '٣٤٥', '१२३', '½ ¾', 'x²+y³', '1e-9', '0xDEADBEEF',
    ' 5', '5 ', '5 5', '$19.99', '100%', '+49 221 1234', '１２３', 'H₂O', 'Ⅳ', '①②③',
]

CODE = [
    'def f(x):\n    return x ** 2\n', 'for (let i = 0; i < 10; i++) { sum += i; }', '#include <vector>', 'SELECT * FROM t WHERE id = 42;', '{"key": [1, 2, {"a": null}]}', 'a->b::c<d>(e)', 'snake_case camelCase PascalCase',
    '/usr/local/bin', 'https://example.org/a?b=c&d=e#f', 'user@example.org', '<div class="x">text</div>', '!@#$%^&*()', '...', '???!!!', '--- *** ___', '`tick` \'single\' "double"',
]

SCRIPTS = [
    'Straße', 'Ærøskøbing', 'Łódź', 'Żółć', 'Привет, мир', 'Γειά σου', 'שלום', 'مرحبا بالعالم', 'नमस्ते दुनिया', 'สวัสดี', '你好，世界', 'こんにちは世界', '안녕하세요', 'Tiếng Việt', 'ქართული', 'አማርኛ',
    'e\u0301 versus é', 'a\u200bb', 'a\u00a0b', '\ufeffstart', 'a\u2028b', '\u202eright to left', 'ﬁ ligature', 'ǅ', 'İstanbul ıI', 'ß ẞ', '𝒻𝓪𝓃𝒸𝔂', '\U00020000', 'Z͑ͫ̓ͪ̂ͫ̽',
]

EMOJI = ['😀', '👍🏽', '👨‍👩‍👧‍👦', '🇩🇪🇫🇷', '❤️', '☃', '🏴‍☠️', '1️⃣', 'ok 👌 fine', '😀😀😀', '✈️ 12:30']

CONTROL = ['\x00', '\x01\x02', 'a\x00b', '\x7f', '\x1b[31mred\x1b[0m', '\x85', '\x0b\x0c']


def fragments():
    """About 130 different strings; each is a text of its own as well."""
    return PLAIN + DIGITS + CODE + SCRIPTS + EMOJI + CONTROL + SPECIALS
