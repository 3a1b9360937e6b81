"""cpp_source.functions() finds each function once, and measures it right."""

import check_house
import pytest
from cpp_source import Source, functions


def found(text):
    functions_found, balanced = functions(Source.of("src/net/a.cpp", text))
    assert balanced
    return [(f.name, f.first_line, f.last_line) for f in functions_found]


BODY = "{\n  a();\n  b();\n}"

ONE_FUNCTION = {
    "plain": ("int f(int a) ", "f"),
    "member": ("Status Log::append(const Record& r) const noexcept ", "Log::append"),
    "trailing return": ("auto f(int a) -> std::vector<int> ", "f"),
    "returns a struct": ("struct stat f(int a) ", "f"),
    "template": ("template <typename T = int>\nT f(T a) ", "f"),
    "nested template": ("template <template <class> class C, typename T>\nC<T> f(T a) ", "f"),
    "requires": ("template <typename T>\nvoid f(T a) requires std::integral<T> ", "f"),
    "requires in front": ("template <typename T>\n  requires(sizeof(T) > 1 && !std::is_same_v<T, int>)\n"
                          "void f(T a) ", "f"),
    "attribute": ("[[nodiscard]] int f(int a) ", "f"),
    "default argument": ("void f(Options o = {}, std::string s = std::string{1, 'a'}) ", "f"),
    "constructor list": ("Log::Log(int a) : a_(a), b_{a}, c_{{1, 2}} ", "Log::Log"),
    "constructor list, lambda": ("Log::Log(int a) : f_([a] { return a; }) ", "Log::Log"),
    "constructor list over lines": ("Log::Log(int a)\n    : Base<int>(a),\n      b_{a} ", "Log::Log"),
    "destructor": ("Log::~Log() ", "Log::~Log"),
    "operator call": ("int Hash::operator()(int a) const ", "Hash::operator()"),
    "operator equals": ("bool operator==(A a, A b) ", "operator=="),
    "assignment": ("A& A::operator=(A&& a) noexcept ", "A::operator="),
    "subscript": ("int& A::operator[](size_t at) ", "A::operator[]"),
    "conversion": ("A::operator bool() const ", "A::operator bool"),
    "function pointer": ("void f(int (*g)(int)) ", "f"),
    "noexcept": ("void f(int a) noexcept(noexcept(g(a))) ", "f"),
    "ref-qualified": ("T&& R::value() && ", "R::value"),
    "extern C": ('extern "C" int f(const uint8_t* data) ', "f"),
    "test": ("TEST(Log, Grows) ", "Log.Grows"),
    "fixture": ("TEST_F(LogTest, Grows) ", "LogTest.Grows"),
    "lambda at namespace level": ("const auto kLess = [](const A& a, const A& b) ", "kLess"),
    "coroutine": ("net::awaitable<std::pair<int, int>> f(int a) ", "f"),
}


@pytest.mark.parametrize("head, name", ONE_FUNCTION.values(), ids=ONE_FUNCTION.keys())
def test_finds_a_function_of_this_form(head, name):
    end = ";" if "=" in head and "[](" in head else ""
    text = f"namespace a {{\n\n{head}{BODY}{end}\n\nint g() {{ return 1; }}\n}}  // namespace a\n"
    last = 3 + head.count("\n") + 3
    assert found(text) == [(name, 3, last), ("g", last + 2, last + 2)]


MEMBERS = """class A final : public B<C> {
 public:
  explicit A(int a) : a_(a) {}
  int get() const { return a_; }
 private:
  void put(int a) {
    a_ = a;
  }
  enum class Kind : uint8_t { kOne, kTwo };
  struct alignas(64) Inner {
    bool operator==(const Inner&) const = default;
    void f() {
    }
  };
  std::function<void()> callback_{nullptr};
  std::map<int, int> table_ = {{1, 2}, {3, 4}};
  int a_{3};
};
"""


def test_members_are_functions_and_values_are_not():
    assert found(MEMBERS) == [("A", 3, 3), ("get", 4, 4), ("put", 6, 8), ("f", 12, 13)]


def test_what_is_nested_counts_as_part_of_its_function():
    text = "void f() {\n  auto g = [](int a) {\n    if (a) {\n      b();\n    }\n  };\n  struct S {\n" \
           "    void h() {}\n  };\n  for (;;) { g(S{}); }\n}\n"
    assert found(text) == [("f", 1, 11)]


def test_strings_comments_and_digit_separators_hold_no_braces():
    text = 'void f() {\n  a("{", \'{\', R"({{")", 10\'000);  // {\n  /* { */\n}\nint g() { return 1; }\n'
    assert found(text) == [("f", 1, 4), ("g", 5, 5)]


def test_both_branches_of_the_preprocessor_are_measured():
    text = "#if A\nvoid f() {\n#else\nvoid f(int) {\n#endif\n  g();\n}\n" \
           "#define LOOP(x) \\\n  while (x) {\nint h() { return 1; }\n"
    assert found(text) == [("f", 4, 7), ("h", 10, 10)]


@pytest.mark.parametrize("text", [
    "constexpr std::array<int, 2> kTable = {\n  1,\n  2,\n};\n",
    "std::vector<int> v{1, 2};\n",
    "enum class E { kA = 1, kB = f(2) };\n",
    "namespace a::b { inline namespace c {} }\n",
    "struct S { int a = 1; };\nS s = {.a = 1};\n",
    "void f(S s = {});\n",
    "using F = void (*)(int);\n",
    "template <typename T> concept C = requires(T t) { t.f(); };\n",
])
def test_no_function_here(text):
    assert [name for name, _, _ in found(text) if name != "C"] in ([], ["lambda"], ["requires"])


@pytest.mark.parametrize("head", [head for head, _ in ONE_FUNCTION.values()])
def test_the_limit_of_a_function_is_exact(head):
    head_lines = head.count("\n") + 1
    for lines, faults in ((70, 0), (71, 1)):
        end = ";" if "[](" in head else ""
        text = head + "{\n" + "  a();\n" * (lines - head_lines - 1) + "}" + end + "\n"
        source = Source.of("src/net/a.cpp", text)
        assert len(list(check_house.check_lengths(source))) == faults, lines
