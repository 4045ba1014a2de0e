#pragma once
// How the table of keys is written: accessors of members, and bounds. For config_keys.cpp and relative_keys.cpp.

#include "app/config_keys.h"

namespace proxprop::app {

template <class Class, class Type>
Type type_of(Type Class::*);

/// The accessor of config.*section.*member.
template <auto section, auto member>
AnyMember member_of() {
  using Type = decltype(type_of(member));
  return Member<Type>([](train::Config& config) -> Type& { return config.*section.*member; });
}

template <auto member>
AnyMember data() {
  return member_of<&train::Config::data, member>();
}
template <auto member>
AnyMember model() {
  return member_of<&train::Config::model, member>();
}
template <auto member>
AnyMember method() {
  return member_of<&train::Config::method, member>();
}
template <auto member>
AnyMember optimizer() {
  return member_of<&train::Config::optimizer, member>();
}
template <auto member>
AnyMember schedule() {
  return member_of<&train::Config::schedule, member>();
}
template <auto member>
AnyMember training() {
  return member_of<&train::Config::train, member>();
}

inline Bounds at_least(double low) {
  return {.low = low};
}
inline Bounds positive() {
  return {.low = 0, .low_excluded = true};
}
inline Bounds fraction() {
  return {.low = 0, .high = 1, .high_excluded = true};
}

}  // namespace proxprop::app
