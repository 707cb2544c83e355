"""Writes what Python's Jinja, set up as transformers sets it up, renders for small templates.

Run by hand:  pip install transformers==5.23.0 jinja2==3.1.6  &&  python3 -P tools/goldens/jinja_expressions.py
Output:       libs/tokenizer/test/goldens/jinja.json

Every method, filter, test and operator that the chat templates of the supported families use is here, and what stands
beside it. A case is a template; `text` is what it renders to, `refused` says that Python raises.
"""

import json
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

OUT = Path(__file__).resolve().parents[2] / "libs/tokenizer/test/goldens/jinja.json"

VARIABLES = {
    "s": "\n\n  Hello, World!\t\n",
    "word": "straße ΑΣ ǆ İx ﬁne o'neil x2y",
    "space": "\ufeff\u00a0\u2003a b\u0085\u001c\u2028",
    "path": "a/b//c/",
    "think": "<think>\nwhy\n</think>\n\nbecause</think>more",
    "emoji": "a😀b👍🏽c",
    "empty": "",
    "quote": "it's \"so\"\\ \u00e9\u0001\u2028\u007f",
    "n": 7,
    "z": 0,
    "neg": -7,
    "f": 2.5,
    "big": 123456789012,
    "yes": True,
    "no": False,
    "nil": None,
    "list": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "mixed": [1, "a", None, True, 2.5, ["x"], {"k": "v"}],
    "none_list": [],
    "dict": {"b": 1, "A": 2, "c": {"items": [1], "get": "own"}},
    "schema": {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"type": "string"}}, "values": {"enum": ["a", "é"]}},
        "required": ["items"],
    },
    "messages": [
        {"role": "system", "content": " You are. "},
        {"role": "user", "content": "Hi <there> & 'co'"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5, "y": True}}}]},
        {"role": "tool", "content": "42", "name": "f"},
    ],
}

EXPRESSIONS = {
    "strip": """
s.strip() | s.lstrip() | s.rstrip() | s.strip('\\n') | s.lstrip('\\n') | s.rstrip('\\n') | s.strip('\\n ') | s.rstrip('\\t\\n !')
s.strip(none) | space.strip() | space.lstrip() | space.rstrip() | emoji.strip('ac') | emoji.strip('a😀c') | empty.strip() | s.strip('')
s|trim | space|trim | s|trim('\\n') | path|trim('/') | nil|trim | n|trim | nothing|trim | s.strip('\\n').strip()
""",
    "split": """
s.split() | s.split(None, 1) | s.split(' ', 1) | path.split('/') | path.split('/', 2) | path.split('/', 0) | path.split('/', -1)
path.rsplit('/', 1) | path.rsplit('/') | s.rsplit(None, 1) | s.rsplit() | ' a b '.split(none, 2) | ' a b '.split(none, 1) | ' a b '.split(none, 0)
' a  b '.rsplit(none, 1) | ' a  b '.rsplit(none, 0) | empty.split() | empty.split(',') | '   '.split() | 'aaa'.split('aa') | 'aaa'.rsplit('aa')
think.split('</think>')[0] | think.split('</think>')[-1] | think.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n')
path.split(sep='/') | path.split(maxsplit=1, sep='/') | path.split('') | space.split() | 'a\\nb\\r\\nc\\u2028d\\n'.splitlines() | 'a\\nb\\n'.splitlines(true)
path.partition('/') | path.rpartition('/') | path.partition('?') | path.rpartition('?') | ''.splitlines() | 'a\\n\\nb'.splitlines()
""",
    "replace": """
'aaa'.replace('a', 'b') | 'aaa'.replace('a', 'b', 2) | 'aaa'.replace('a', 'b', 0) | 'aaa'.replace('a', 'b', -1) | 'ab'.replace('', '-')
'ab'.replace('', '-', 2) | 'ab'.replace('', '-', 1) | 'a$&b'.replace('a', '$&') | 'a.b'.replace('.', '$1') | 'aaa'.replace('aa', 'b') | 'aaa'|replace('a', 'b')
'aaa'|replace('a', 'b', 1) | 'aaa'|replace(old='a', new='c') | n|replace('7', '8') | 'aaa'.replace('a', 1) | 'aaa'|replace('a', 1) | emoji.replace('😀', '')
''.replace('', 'x') | 'x'.replace('x', '')
""",
    "case": """
word.upper() | word.lower() | word.title() | word.capitalize() | word.swapcase() | word.casefold() | word|upper | word|lower | word|title | word|capitalize
'hello wORLD-foo (bar) x_y'.title() | 'hello wORLD-foo (bar) [q] <r> x_y'|title | "they're bill's".title() | "they're bill's"|title | 'ǆuro'.capitalize() | 'ßa'.capitalize()
''.capitalize() | 'HELLO'.capitalize() | n|upper | nil|upper | yes|lower | 'ΟΔΟΣ'.lower() | 'ﬁ'.title() | '3rd'.title() | 'ﬁ'.upper()
'A1'.isupper() | '1'.isupper() | 'a1'.islower() | 'Aa'.islower() | 'ab1'.isalnum() | 'ab'.isalpha() | '12'.isdigit() | '²'.isdigit() | '²'.isdecimal() | '½'.isnumeric()
' \\t'.isspace() | ''.isspace() | ''.isdigit() | 'é'.isascii()
""",
    "search": """
'abc'.startswith('a') | 'abc'.startswith(('x', 'a')) | 'abc'.startswith('b', 1) | 'abc'.startswith('b', 0, 1) | 'abc'.endswith('c') | 'abc'.endswith(('x', 'bc'))
'abc'.endswith('b', 0, 2) | 'abc'.startswith('') | ''.startswith('') | 'abc'.startswith(1) | 'abc'.find('c') | 'abc'.find('x') | emoji.find('b') | 'abcabc'.rfind('b')
'abc'.index('b') | 'abc'.index('x') | 'aaa'.count('a') | 'aaa'.count('aa') | 'aaa'.count('') | 'abc'.find('a', 1) | 'prefix'.removeprefix('pre') | 'suffix'.removesuffix('fix')
'abc'.startswith(['a']) | 'a' in 'abc' | '' in 'abc' | 'x' not in 'abc' | 1 in 'abc' | 'abc'.rindex('c')
""",
    "pad": """
'a'.center(5) | 'ab'.center(5, '*') | 'a'.ljust(3) ~ '|' | 'a'.rjust(3) | '-7'.zfill(5) | '7'.zfill(3) | 'a'|center(7) | ','.join(words) | ', '.join(['a', 1]) | ''.join([])
'-'.join('abc') | '-'.join(dict)
""",
    "format": """
'%s and %d' % ('a', 3) | '%s' % 'x' | '%s' % 5 | '%05d|%-5d|%+d' % (3, 3, 3) | '%.2f' % 2.5 | '%x %X %o' % (255, 255, 8) | '%%' % () | '%s' % nil | '%r' % 'a'
'%(a)s-%(b)s' % {'a': 1, 'b': 2} | '%s' % ('a', 'b') | '%s %s' % ('a',) | '%5s|%-5s|' % ('a', 'b') | '%.1s' % 'abc' | '%e' % 12345.678 | '%g' % 0.00001 | '%d' % 2.9 | '%d' % '2'
'{} and {}'.format('a', 3) | '{0}{1}{0}'.format('a', 'b') | '{x:>5}|{y:<5}|{z:^5}|'.format(x=1, y='b', z='c') | '{{}}'.format() | '{:.2f}'.format(2.5) | '{:,}'.format(1234567)
'{:05d}'.format(42) | '{!r}'.format('a') | '{:%}'.format(0.25) | '{}'.format() | '{:*^7}'.format('a') | '{:x}'.format(255) | '%s-%s'|format('a', 2) | '%(k)s'|format(k=1)
""",
    "numbers": """
1/2 | 4/2 | 7//2 | neg//2 | neg%3 | 7%-3 | 2**10 | 2**-1 | 7.0//2 | 7.5%2 | 1+1.0 | 10*1.0 | 1e3 | 3|float | 0.1+0.2 | 1e16 | 123456789.123 | 0.00001 | 1/3 | -n | +f | -0.0
1000000*1000000 | big*big | n|string | f|string | yes+1 | yes*3 | 1//0 | 1/0 | 1%0 | 5.0|int | -2.7|int | '42'|int | ' 42 '|int | '4x'|int | '4.7'|int | '1e3'|int | ''|int | nil|int
'x'|int(5) | 'x'|int(default=6) | '2.5'|float | 'x'|float | 'x'|float(1.5) | nil|float | yes|int | -5|abs | -2.5|abs | 'a'|abs | list|sum | list|min | list|max | words|min | words|max | none_list|min
3.14|round | 1e22 | 1e-7 | 12345678901234567890.0 | 2.50 | 100.0 | 1e15 | 0.0001
""",
    "print": """
yes | no | nil | nothing | n | f | list | words | mixed | dict | quote | [quote] | [nothing] | (1, 2) | [] | {} | 1.0 | 100000000000000000000.0 | messages[2] | {'a': none} | [true, false]
none_list | emoji | [emoji] | ['a\\nb'] | ["it's"] | ['"'] | ['it\\'s "x"'] | nil ~ '' | yes ~ 1 | n ~ f | list ~ 'x' | nothing ~ 'x' | 'a' ~ none
""",
    "operators": """
'a' + 'b' | 'a' + 1 | 1 + 'a' | 'a' + none | 'a' + nothing | [1] + [2] | [1] + (2, 3) | 'ab' * 3 | 3 * 'ab' | [1] * 2 | 'a' * 0 | 'a' * -1 | none + 1 | {} + {} | 'a' - 'b' | nothing + 1
1 == 1.0 | 1 == true | 'a' == 'a' | [1, 2] == [1, 2] | [1] == (1, 2) | {'a': 1} == {'a': 1} | none == none | nothing == nothing2 | none == false | '' == false | 0 == false | 0 == '' | '1' == 1 | nothing == none
1 < 2 | 'a' < 'b' | 'Z' < 'a' | [1, 2] < [1, 3] | 1 < 'a' | none < 1 | 2 >= 2.0 | '😀' > '￿' | true > false | 1 != 2 | 'a' != 'a' | dict < dict
1 in list | '3' in list | 'b' in dict | 'x' in dict | 1 in dict | 'a' in none_list | 'a' in nothing | 'a' in nil | 1.0 in list | true in list | none in mixed | ['x'] in mixed | 'a' not in words | 5 not in list
yes and 'x' | no and 'x' | '' or 'y' | none or 0 | [] or {} or 'z' | not '' | not 'a' | not nothing | not [] | not 0.0 | n and f | not none
'a' if yes else 'b' | 'a' if no else 'b' | 'a' if no | 'a' if none_list else 'b' | ('a' if no else 'b') ~ 'c' | 'x' ~ n + 1
""",
    "slices": """
list[0] | list[-1] | list[5] | list[::-1] | list[1:] | list[:2] | list[:-1] | list[-2:] | list[::2] | list[5:] | list[2:0:-1] | list[::-2] | list[:] | list[10:0:-1] | list[-1:-10:-1] | list[0:3:0]
emoji[1] | emoji[-1] | emoji[::-1] | emoji[1:3] | emoji[:2] | 'abc'[10] | 'abc'[1:] | 'abc'[:-1] | 'abc'[-2:] | (1, 2, 3)[1:] | nothing[0] | nil[0] | n[0] | nothing[1:] | messages[1:]|length | messages[::-1][0].role
emoji|length | s|length | list|length | dict|length | none_list|count | nothing|length | nil|length | n|length | ''|length | dict['b'] | dict.b | dict['x'] | dict.x | messages[0]['role'] | messages[0].role
dict.c.items is callable | dict.c['items'] | dict.c.get is string | schema.properties['items'].type | schema.properties['items']['items'].type | schema['properties']['values'] | dict.get('b') | dict.get('x') | dict.get('x', 5) | dict.get('c').get('get')
dict.items()|list | dict.keys()|list | dict.values()|list | nothing.x | nil.x | n.x | dict.x.y | list.x | list.0 | 'abc'.x | messages.0.role | 'abc'.0 | dict.get(1) | list.index(1) | list.count(2) | list.index(9)
""",
    "sequences": """
list|first | list|last | none_list|first | none_list|last | emoji|first | emoji|last | list|reverse|list | 'abc'|reverse | list|sort | words|sort | words|sort(true) | words|sort(case_sensitive=true) | list|sort(reverse=true)
mixed|sort | messages|sort(attribute='role')|map(attribute='role')|join(',') | list|join | list|join('-') | words|join(', ') | mixed|join('|') | 'abc'|join('-') | messages|join(',', attribute='role') | nothing|join(',') | nil|join(',')
list|list | emoji|list | dict|list | nil|list | words|unique|list | [1, 1.0, true, 2]|unique|list | words|unique(true)|list | dict|dictsort | dict|dictsort(true) | {'a': 2, 'b': 1}|dictsort(by='value') | {'a': 2, 'b': 1}|dictsort(reverse=true)
{'a': 2, 'b': 1}|dictsort(false, 'value') | dict|items|list | nothing|items|list | list|items|list | list|dictsort | [1, 2, 3, 4, 5]|batch(2)|list | [1, 2, 3]|batch(2, 0)|list | [{'a': 1}, {'a': 2}]|sum(attribute='a') | ['a', 'b']|sum(start='')
list|max ~ list|min | dict|first | dict|last | dict|length
""",
    "select": """
messages|selectattr('role', 'equalto', 'user')|list|length | messages|selectattr('tool_calls')|list|length | messages|selectattr('tool_calls', 'defined')|list|length | messages|rejectattr('role', 'eq', 'system')|map(attribute='role')|list
messages|rejectattr('content')|map(attribute='role')|list | messages|selectattr('role', 'in', ['user', 'tool'])|map(attribute='role')|list | messages|selectattr('content', 'none')|list|length | messages|selectattr('role', '==', 'user')|first|string
messages|selectattr('role', 'ne', 'user')|list|length | messages|selectattr('nope')|list | messages|selectattr('nope', 'equalto', 1)|list | list|select('odd')|list | list|reject('odd')|list | list|select('gt', 1)|list | list|select|list | [0, 1, '']|select|list
words|map('upper')|list | words|map('upper')|join | messages|map(attribute='name')|list | messages|map(attribute='name', default='-')|list | messages|map(attribute='tool_calls.0.function.name', default='-')|list | ['a ', ' b']|map('trim')|list
['aXb']|map('replace', 'X', '-')|list | list|map('string')|join(',') | [[1, 2], [3]]|map('first')|list | [[1, 2], [3]]|map('length')|list | list|map('nope')|list | list|select('nope')|list
""",
    "tests": """
n is odd | n is even | neg is odd | z is even | n is number | f is number | yes is number | 's' is number | n is integer | yes is integer | f is float | n is float | yes is boolean | nil is none | nothing is none | nil is not none
nothing is defined | nil is defined | dict.x is defined | dict.b is defined | nothing is undefined | s is string | n is string | list is string | list is iterable | s is iterable | dict is iterable | n is iterable | nil is iterable | nothing is iterable
list is sequence | s is sequence | dict is sequence | nothing is sequence | n is sequence | dict is mapping | list is mapping | nothing is mapping | yes is true | n is true | no is false | z is false | nil is false | 'abc' is lower | 'ABC' is upper | 'Abc' is lower
'' is lower | 1 is lower | n is divisibleby(7) | n is divisibleby 2 | n is not divisibleby 2 | n is equalto(7) | n is eq 7 | n is ne(7) | n is gt(3) | n is lt 3 | n is ge 7 | n is in [1, 7] | n is in(list) | 'a' is in 'abc' | n is sameas(7) | n is sameas 7.0
n is greaterthan 3 | range is callable | s is callable | nil is odd | 'a' is odd | n is odd and f is float | not n is odd | n is nope | messages[0].role is eq 'system' | n is divisibleby(z) | (n is odd)|string | 1 is odd|string | f is odd
yes is sameas true | 1 is sameas true | words is eq ['b', 'A', 'c', 'a'] | n is in list[0:] or yes
""",
    "default": """
nothing|default('x') | nil|default('x') | ''|default('x') | ''|default('x', true) | nil|default('x', true) | nothing|default | nothing|d('y') | dict.x|default({})|length | no|default('x') | no|default('x', boolean=true) | dict.x.y|default('z')
none_list|default('e', true) | n|default(1) | nothing|default(default_value='q') | messages[2].content|default('', true) | nothing.x|default('q')
""",
    "json": """
dict|tojson | mixed|tojson | quote|tojson | emoji|tojson | nil|tojson | yes|tojson | f|tojson | n|tojson | schema|tojson | schema|tojson(indent=2) | schema|tojson(indent=4) | [[], {}]|tojson(indent=2) | dict|tojson(indent=0)
dict|tojson(sort_keys=true) | dict|tojson(separators=(',', ':')) | schema|tojson(indent=2, separators=(', ', ' = ')) | quote|tojson(ensure_ascii=true) | emoji|tojson(ensure_ascii=true) | nothing|tojson | [nothing]|tojson | (1, 2)|tojson
messages[2].tool_calls|tojson | messages[2].tool_calls[0].function.arguments|tojson | '<a href="x">&\\'</a>'|tojson | 1e3|tojson | 1.0|tojson | big|tojson | 1e22|tojson | dict|tojson(true) | range|tojson | dict|tojson(false, 2)
""",
    "indent": """
'a\\nb\\n\\nc'|indent | 'a\\nb'|indent(2) | 'a\\nb'|indent(2, true) | 'a\\n\\nb'|indent(2, false, true) | 'a\\nb'|indent(width=3, first=true) | 'a\\nb'|indent('> ') | 'a\\n'|indent | ''|indent(2, true) | 'a\\r\\nb'|indent(1) | 'a b  c'|wordcount | '<a>&"\\''|e | '<'|escape|safe
'<b>'|safe | n|string ~ 'x' | [1]|string | s|string|length
""",
}

TEMPLATES = [
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for c in 'a😀b' %}[{{ c }}]{% endfor %}",
    "{% for k in dict %}{{ k }}{% endfor %}{% for k, v in dict.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in dict|items %}{{ k }}{% endfor %}{% for k, v in dict|dictsort %}{{ k }}{% endfor %}",
    "{% for x in nothing %}a{% else %}none{% endfor %}",
    "{% for x in nil %}a{% endfor %}",
    "{% for x in 5 %}a{% endfor %}",
    "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in list %}{% continue %}{% else %}none{% endfor %}",
    "{% for x in list %}{% if loop.index == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in list if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
    "{% for x in list if x > 9 %}{{ x }}{% else %}empty{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }};{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}>{{ loop.nextitem.role if loop.nextitem is defined else '-' }} {% endfor %}",
    "{% for x in list %}{{ loop.cycle('odd', 'even') }} {% endfor %}",
    "{% for x in list %}{{ y }}{% set y = x %}{{ y }} {% endfor %}|{{ y }}",
    "{% set y = 0 %}{% for x in list %}{% set y = x %}{% endfor %}{{ y }}",
    "{% set ns = namespace(found=false, n=0) %}{% for x in list %}{% set ns.n = ns.n + x %}{% if x == 2 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }} {{ ns.n }} {{ ns.nope is defined }}",
    "{% if yes %}{% set q = 1 %}{% endif %}{{ q }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set block %}  x{{ n }} {% endset %}[{{ block }}]{{ block|trim }}",
    "{% macro f(a, b='d') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }}",
    "{% set out = 'global' %}{% macro f() %}{{ out }}{{ inner }}{% endmacro %}{% for inner in [1] %}{{ f() }}{% endfor %}",
    "{% macro f() %}{{ later }}{% endmacro %}{% set later = 'x' %}{{ f() }}",
    "{% macro f(x) %}{{ varargs|join }}{{ kwargs }}{% endmacro %}{{ f(1, 2, k=3) }}",
    "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}body{{ n }}{% endcall %}",
    "{% macro f() %}<{{ caller(1) }}>{% endmacro %}{% call(v) f() %}{{ v }}{% endcall %}",
    "{% filter upper %}abc{{ n }}{% endfilter %}",
    "{% macro f(a) -%}\n  {{ a }}\n{%- endmacro %}[{{ f('x')|trim }}]",
    "  {% if yes %}\n  a\n  {% endif %}\nb\n",
    "a\n  {%- if yes -%}\n  b\n  {%- endif -%}\n  c",
    "x {# comment #} y\n  {# own line #}\nz {#- c -#} w",
    "{{ 'a' }}\n{{ 'b' }}\n\n",
    "{%- if yes %}\n\n  {{- 'a' }}\n{% endif -%}\n  z",
    "line\r\nnext {% if yes %}\r\nx{% endif %}\r\n",
    "{{ \"\\u00e9\\n\\t\\x41\" }}{{ 'a' 'b' }}{{ 'it\\'s' }}",
    "{{ [1, 2,] }}{{ {'a': 1,} }}{{ (1, 2) }}{{ [] }}",
    "{{ range(3)|list }}{{ range(1, 6, 2)|list }}{{ range(5, 0, -2)|list }}{{ range(0)|list }}",
    "{{ raise_exception('no ' ~ n) }}",
    "{{ undefined_function() }}",
    "{{ s.nope() }}",
    "{{ n() }}",
    "{{ messages[1].content.split('>')[0] }}{{ messages[0]['content']|trim }}{{ messages[-1].name }}",
    "{{ messages[0].content + messages[2].content }}",
    "{{ messages[0].content ~ messages[2].content }}",
    "{%- for m in messages %}{{- '<|' + m.role + '|>' }}{%- if m.content is string %}{{- m.content|trim }}{%- elif m.content is none %}NONE{%- else %}?{%- endif %}{%- endfor %}",
    "{% generation %}x{% endgeneration %}",
    "{% if not nothing %}a{% endif %}{% if nothing is not defined or nothing|length == 0 %}b{% endif %}{% if none_list %}c{% elif dict %}d{% endif %}",
    "{% set x = 'a' %}{% set x = x ~ 'b' %}{{ x }}{% set list2 = list + [4] %}{{ list2 }}",
    "{% set _ = list.append(4) %}{{ list }}",
    "{{ dict.update({'q': 1}) }}",
    "{% if 'x' in 'xyz' and 'a' not in words|map('upper') %}yes{% else %}no{% endif %}",
    "{{ namespace(a=1).a }}{{ namespace({'b': 2}).b }}",
    "{% set ns = namespace() %}{% set ns.a = [1] %}{{ ns.a + [2] }}",
    "{{ dict(a=1, b='x') }}",
    "{{ messages|map(attribute='role')|reject('equalto', 'tool')|join(' ') }}",
    "{% for name, value in schema.properties|items %}{{ name }}:{{ value.type }}{{ ',' if not loop.last }}{% endfor %}",
    "{% for g in [[1, [2, 3]]] %}{% for a, b in [g] %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
    "{{ 1 if yes }}{{ 1 if no }}|",
    "{{ '%s' % words[0] }}{{ words[:2]|join }}",
    "{{ (messages[1].content|string)[:2] }}",
    "{% set s2 = s|trim|replace('\\n', ' ')|lower %}{{ s2 }}",
    "{{ think.split('</think>')|last|trim }}{{ '</think>' in think }}{{ think.count('</think>') }}",
    "{{ ('a', 'b') }}{% set t = ('x', 1) %}{{ t[0] }}{% set u, v = t %}{{ v }}",
    "{{ caller }}{{ loop }}{{ varargs }}",
    "{% for i in range(messages|length - 1, -1, -1) %}{{ i }}{% endfor %}",
    "{% for message in messages[::-1] %}{% set index = messages|length - 1 - loop.index0 %}{{ index }}{{ message.role }} {% endfor %}",
    "{% if messages[0].role == 'system' %}{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages|length }}",
    "{{ messages[2].tool_calls[0].function.arguments|items|list }}{% for k, v in messages[2].tool_calls[0].function.arguments|items %}<{{ k }}>{{ v }}</{{ k }}>{% endfor %}",
    "{{- '' -}}   x   {{- '' -}}",
]


def render(template):
    try:
        return {"template": template, "text": _compile_jinja_template(template).render(**json.loads(json.dumps(VARIABLES)))}
    except Exception:  # noqa: BLE001 - what Python raises differs; that it raises is the point
        return {"template": template, "refused": True}


def expressions():
    """Expressions stand in lines, parted by ` | `; filters are written without spaces."""
    for group in EXPRESSIONS.values():
        for line in group.strip().splitlines():
            yield from (part.strip() for part in line.split(" | "))


def main():
    cases = [render("{{ " + expression + " }}") for expression in expressions()] + [render(one) for one in TEMPLATES]
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    OUT.write_text('{"variables": ' + json.dumps(VARIABLES, ensure_ascii=True) + ',\n"cases": [\n' + lines + "\n]}\n")
    print(len(cases), "cases,", sum("refused" in case for case in cases), "refused")


if __name__ == "__main__":
    main()
