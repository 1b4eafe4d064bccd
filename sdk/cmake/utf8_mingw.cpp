// SPDX-License-Identifier: Apache-2.0
//
// MinGW's libstdc++ reads the narrow text of a std::filesystem::path by the C library's locale, which msvcrt.dll cannot
// set to UTF-8, and writes it as UTF-8. This one, found before the C library's, makes it UTF-8 both ways.
#if defined(__MINGW32__)
#include <cerrno>
#include <cwchar>

extern "C" std::size_t mbrtowc(wchar_t* out, const char* in, std::size_t size, std::mbstate_t* state) {
  static std::mbstate_t own = 0;
  std::mbstate_t& waiting = state ? *state : own;  // the second half of a surrogate pair
  if (in == nullptr) return waiting = 0, 0;
  if (waiting != 0) {
    if (out) *out = static_cast<wchar_t>(waiting);
    waiting = 0;
    return 1;  // the last byte was left for it
  }
  if (size == 0) return static_cast<std::size_t>(-2);
  const auto byte = [in](std::size_t i) { return static_cast<unsigned char>(in[i]); };
  const unsigned first = byte(0);
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length == 0) return errno = EILSEQ, static_cast<std::size_t>(-1);
  if (size < length) return static_cast<std::size_t>(-2);
  unsigned code = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return errno = EILSEQ, static_cast<std::size_t>(-1);
    code = code << 6 | (byte(i) & 0x3F);
  }
  if (code < 0x10000) {
    if (out) *out = static_cast<wchar_t>(code);
    return code == 0 ? 0 : length;
  }
  code -= 0x10000;
  if (out) *out = static_cast<wchar_t>(0xD800 | code >> 10);
  waiting = static_cast<std::mbstate_t>(0xDC00 | (code & 0x3FF));
  return length - 1;
}
#endif
