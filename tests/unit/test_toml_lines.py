"""Line numbers of keys in every way that TOML can write them."""

import tomllib

from failberry.tomlscan import key_lines


def test_every_way_to_write_a_key() -> None:
    text = '''\
# not = "a key"
plain = 1.5 # not = "one"
dotted.key = """text
not = 3 \\""" """"" # not = '1'
"quoted.one".'and # this' = 1979-05-27 07:32:00
"esc\\u0061ped" = 0x1F

[table]   # [not]
array = [ 1, # ]
  [2, 3],
  {inline = 1, deep = [{deeper = "}"}]},
]
literal = \'\'\'
[not]
not = 1\'\'\'\'\'
empty = [ ]
also_empty = {}

[[repeated]]
n = 1
[repeated.below]
k = 2
[[repeated.many]]
o = 1
[[repeated.many]]
o = 2
  [[ repeated ]]
  n = 2
  [[repeated.many]]
[table.below.deep]
x = ""
'''
    tomllib.loads(text)
    assert key_lines(text) == {
        ("plain",): 2,
        ("dotted",): 3,
        ("dotted", "key"): 3,
        ("quoted.one",): 5,
        ("quoted.one", "and # this"): 5,
        ("escaped",): 6,
        ("table",): 8,
        ("table", "array"): 9,
        ("table", "array", 0): 9,
        ("table", "array", 1): 10,
        ("table", "array", 1, 0): 10,
        ("table", "array", 1, 1): 10,
        ("table", "array", 2): 11,
        ("table", "array", 2, "inline"): 11,
        ("table", "array", 2, "deep"): 11,
        ("table", "array", 2, "deep", 0): 11,
        ("table", "array", 2, "deep", 0, "deeper"): 11,
        ("table", "literal"): 13,
        ("table", "empty"): 16,
        ("table", "also_empty"): 17,
        ("repeated",): 19,
        ("repeated", 0): 19,
        ("repeated", 0, "n"): 20,
        ("repeated", 0, "below"): 21,
        ("repeated", 0, "below", "k"): 22,
        ("repeated", 0, "many"): 23,
        ("repeated", 0, "many", 0): 23,
        ("repeated", 0, "many", 0, "o"): 24,
        ("repeated", 0, "many", 1): 25,
        ("repeated", 0, "many", 1, "o"): 26,
        ("repeated", 1): 27,
        ("repeated", 1, "n"): 28,
        ("repeated", 1, "many"): 29,
        ("repeated", 1, "many", 0): 29,
        ("table", "below"): 30,
        ("table", "below", "deep"): 30,
        ("table", "below", "deep", "x"): 31,
    }


def test_line_ends_of_windows() -> None:
    assert key_lines('a = 1\r\n\r\nb = """\r\n"""\r\nc = 1\r\n') == {("a",): 1, ("b",): 3, ("c",): 5}


def test_an_empty_file() -> None:
    assert key_lines("") == key_lines("# nothing\n") == {}
