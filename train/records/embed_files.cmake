# cmake -DOUTPUT=<file.cpp> -DHEADER=<header> -DNAMESPACE=<namespace> -DFILES=<a.html,b.css> -P embed_files.cmake
# Writes a .cpp that defines each file's text as a std::string_view; report.css becomes report_css.

string(REPLACE "," ";" FILES "${FILES}")
set(code "#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  string(MAKE_C_IDENTIFIER "${name}" name)
  file(READ "${file}" text)
  string(APPEND code "\nconst std::string_view ${name} = R\"embedded(${text})embedded\";\n")
endforeach()
file(WRITE "${OUTPUT}" "${code}\n}  // namespace ${NAMESPACE}\n")
