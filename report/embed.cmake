# Puts page.html together with its style, scripts and the arguments' defaults, and writes it as a header of two texts,
# before and after the data of a run. -DPAGE=<folder> -DOUTPUT=<header>
function(text_of variable file)
  file(READ "${PAGE}/${file}" text)
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

text_of(page page.html)
text_of(style page.css)
text_of(defaults default_arguments.json)
set(scripts "")
foreach(file IN ITEMS values.js scale.js chart.js tables.js page.js)
  text_of(script ${file})
  string(APPEND scripts "${script}")
endforeach()
string(REPLACE "/*STYLE*/" "${style}" page "${page}")
string(REPLACE "/*DEFAULTS*/" "${defaults}" page "${page}")
string(REPLACE "/*SCRIPTS*/" "${scripts}" page "${page}")
string(FIND "${page}" "<!--DATA-->" place)
string(LENGTH "<!--DATA-->" length)
math(EXPR after "${place} + ${length}")
string(SUBSTRING "${page}" 0 ${place} first)
string(SUBSTRING "${page}" ${after} -1 second)
file(WRITE "${OUTPUT}" "#pragma once
#include <string_view>

namespace trainer::report {
inline constexpr std::string_view page_before_data = R\"PAGE(${first})PAGE\";
inline constexpr std::string_view page_after_data = R\"PAGE(${second})PAGE\";
}  // namespace trainer::report
")
