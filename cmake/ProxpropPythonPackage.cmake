# proxprop_python_package(<variable> <package>): the folder of a package of the Python that builds a wheel, empty where it
# is not installed. The package is found without being imported.
function(proxprop_python_package variable package)
  find_package(Python REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
      "import importlib.util as u; s = u.find_spec('${package}'); print(s.submodule_search_locations[0] if s else '', end='')"
    OUTPUT_VARIABLE folder)
  set(${variable} "${folder}" PARENT_SCOPE)
endfunction()
