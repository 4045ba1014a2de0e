#pragma once

#include "reproduce/section.h"

#include <filesystem>
#include <string>
#include <vector>

namespace proxprop::reproduce {

/// The page of results as Markdown. A picture "<pictures>/<experiment>.png" that is there is shown, by a path relative
/// to the page's folder.
std::string results_markdown(
    const std::vector<Section>& sections, const std::filesystem::path& pictures, const std::filesystem::path& page);

}  // namespace proxprop::reproduce
