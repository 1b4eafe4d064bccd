# SPDX-License-Identifier: Apache-2.0
"""Each source and header of ours asks for the standard headers that it uses the names of: it includes them, or one of our
headers that it includes does. What one library's <string> brings along besides, another's, or the next version's, does not.

Reads SOURCE, or is given the root; --fix adds what is missing.
"""

import os
import pathlib
import re
import sys

ROOMS = ("core", "host", "sdk", "plugin_api", "plugins", "tests")
LEFT_OUT = "tests/abi/frozen/"  # as it was released
CONTAINERS = "array deque list map set span string string_view unordered_map unordered_set vector"
# header: the names that it is asked for; the headers that bring them by the standard, or cannot do without them.
NAMES = {
    "algorithm": "sort stable_sort min max min_element max_element find find_if find_if_not any_of all_of none_of count count_if"
    " copy copy_n copy_if fill fill_n transform reverse equal clamp replace remove_if unique lower_bound upper_bound minmax"
    " binary_search for_each generate shuffle mismatch search rotate partition nth_element is_sorted next_permutation",
    "any": "any any_cast",
    "array": "array",
    "atomic": "atomic atomic_bool atomic_flag atomic_thread_fence memory_order_relaxed memory_order_acquire memory_order_release",
    "bit": "bit_cast endian popcount has_single_bit bit_width countr_zero rotl",
    "charconv": "from_chars to_chars chars_format",
    "chrono": "chrono",
    "cmath": "sqrt pow isnan isfinite isinf floor ceil round lround llround log exp fabs cos sin log2 log10 signbit nextafter"
    " trunc fmod ldexp frexp tanh log1p expm1 hypot nan",
    "complex": "complex",
    "condition_variable": "condition_variable condition_variable_any cv_status",
    "cstddef": "byte nullptr_t max_align_t ptrdiff_t",
    "cstdint": "int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intptr_t uintptr_t intmax_t uintmax_t",
    "cstdio": "FILE fopen fclose fread fwrite fprintf printf snprintf fputs fflush perror puts fgets tmpfile sscanf ferror"
    " putchar fputc vsnprintf",
    "cstdlib": "getenv malloc free exit abort strtod strtol strtoul strtoull strtoll strtof atexit system _Exit quick_exit calloc"
    " realloc",
    "cstring": "memcpy memcmp memset memmove strlen strcmp strncmp strerror strchr strrchr strstr strncpy memchr",
    "ctime": "time_t tm gmtime localtime strftime mktime timespec",
    "deque": "deque",
    "exception": "exception_ptr current_exception rethrow_exception uncaught_exceptions terminate make_exception_ptr",
    "filesystem": "filesystem",
    "fstream": "ifstream ofstream fstream",
    "functional": "function ref cref hash less greater reference_wrapper invoke plus multiplies",
    "future": "future async promise packaged_task shared_future future_status",
    "iomanip": "setw setprecision setfill put_time get_time quoted",
    "iostream": "cout cerr cin clog",
    "iterator": "back_inserter next prev distance advance istreambuf_iterator ostreambuf_iterator make_move_iterator inserter"
    " make_reverse_iterator",
    "latch": "latch",
    "limits": "numeric_limits",
    "list": "list",
    "map": "map multimap",
    "memory": "unique_ptr shared_ptr weak_ptr make_unique make_shared addressof enable_shared_from_this static_pointer_cast"
    " dynamic_pointer_cast",
    "mutex": "mutex lock_guard unique_lock scoped_lock call_once once_flag recursive_mutex",
    "new": "bad_alloc nothrow align_val_t launder",
    "numeric": "accumulate iota reduce inner_product gcd partial_sum lcm transform_reduce",
    "optional": "optional nullopt nullopt_t make_optional",
    "queue": "queue priority_queue",
    "random": "mt19937 mt19937_64 uniform_int_distribution uniform_real_distribution normal_distribution random_device",
    "regex": "regex smatch cmatch regex_match regex_search regex_replace sregex_iterator",
    "set": "set multiset",
    "shared_mutex": "shared_mutex shared_lock",
    "span": "span",
    "sstream": "stringstream ostringstream istringstream",
    "stdexcept": "runtime_error logic_error invalid_argument out_of_range domain_error length_error overflow_error",
    "string": "string to_string stoi stol stoll stoul stoull stod getline u8string",
    "string_view": "string_view",
    "system_error": "error_code system_error errc generic_category system_category",
    "thread": "thread jthread this_thread",
    "tuple": "tuple tie make_tuple",
    "type_traits": "is_same_v decay_t enable_if_t conditional_t remove_cvref_t remove_reference_t remove_const_t void_t true_type"
    " false_type invoke_result_t underlying_type_t is_base_of_v is_integral_v is_floating_point_v is_convertible_v",
    "typeindex": "type_index",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "utility": "move forward pair make_pair swap exchange as_const declval in_place index_sequence make_index_sequence cmp_less",
    "variant": "variant visit holds_alternative get_if monostate",
}
ALSO = {
    "exception": "stdexcept",
    "string_view": "string",
    "system_error": "filesystem charconv",
    "utility": CONTAINERS + " algorithm functional memory optional thread tuple variant",
}
NAME = re.compile(r"\bstd::(\w+)\b")
HEADERS = {name: header for header, names in NAMES.items() for name in names.split()}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"].*$', re.M)
NO_CODE = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:.|\n)*?\*/')
RANGES = re.compile(r"\bstd::ranges::[a-z_]+\(")


class Files:
    def __init__(self, source):
        self.source = source
        self.texts, self.includes, self.by_name = {}, {}, {}
        for room in ROOMS:
            for path in sorted((source / room).rglob("*.?pp")) + sorted((source / room).rglob("*.h")):
                if not path.relative_to(source).as_posix().startswith(LEFT_OUT):
                    self.texts[path] = text = path.read_text()
                    self.includes[path] = INCLUDE.findall(text)
                    self.by_name.setdefault(path.name, []).append(path)
        self.known = {}

    def ours(self, path):
        """The files of ours that one includes."""
        for name in self.includes[path]:
            for other in self.by_name.get(pathlib.PurePosixPath(name).name, ()):
                if other.as_posix().endswith("/" + name.removeprefix("../")):
                    yield other

    def asked(self, path):
        """The headers that a file includes by itself or by files of ours."""
        seen, left, found = set(), [path], set()
        while left:
            file = left.pop()
            if file in self.known:
                found |= self.known[file]
            elif file not in seen:
                seen.add(file)
                found.update(self.includes[file])
                left += self.ours(file)
        self.known[path] = found
        return found

    def missing(self, path):
        """{header: a name that needs it}."""
        code = NO_CODE.sub('""', self.texts[path])
        wanted = {HEADERS[name]: f"std::{name}" for name in NAME.findall(code) if name in HEADERS}
        if RANGES.search(code):
            wanted.setdefault("algorithm", "std::ranges")
        asked = self.asked(path)
        return {h: n for h, n in sorted(wanted.items()) if not {h, *ALSO.get(h, "").split()} & asked}


def add(text, headers):
    """The text with includes of those headers, beside those of the standard library; scripts/format sorts them."""
    lines = "".join(f"#include <{header}>\n" for header in headers)
    found = list(INCLUDE.finditer(text))
    standard = [m for m in found if re.search(r"<[a-z_]+>", m.group(0))]
    if standard:
        at = standard[0].start()
        return text[:at] + lines + text[at:]
    quoted = [m for m in found if '"' in m.group(0)]
    at = (quoted or found)[0].start()
    return text[:at] + lines + "\n" + text[at:]


def main():
    arguments = [a for a in sys.argv[1:] if a != "--fix"]
    source = pathlib.Path(arguments[0] if arguments else os.environ["SOURCE"])
    files = Files(source)
    bad = {path: found for path in files.texts if (found := files.missing(path))}
    for path, found in bad.items():
        if "--fix" in sys.argv:
            path.write_text(add(files.texts[path], found))
        for header, name in found.items():
            print(f"{path.relative_to(source)}: it uses {name} and includes no <{header}>, nor does a header of ours")
    print(f"{len(files.texts)} files, {len(bad)} lack includes")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
