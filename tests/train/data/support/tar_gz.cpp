#include "support/tar_gz.h"

#include <archive.h>
#include <archive_entry.h>

namespace proxprop::train::testing {

void write_tar_gz(const std::filesystem::path& file, const std::vector<TarEntry>& entries) {
  archive* writer = archive_write_new();
  archive_write_add_filter_gzip(writer);
  archive_write_set_format_ustar(writer);
  archive_write_open_filename(writer, file.c_str());
  for (const TarEntry& what : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, what.path.c_str());
    archive_entry_set_perm(entry, 0755);
    archive_entry_set_filetype(
        entry, what.kind == TarEntry::Kind::folder          ? AE_IFDIR
               : what.kind == TarEntry::Kind::symbolic_link ? AE_IFLNK
                                                            : AE_IFREG);
    if (what.kind == TarEntry::Kind::symbolic_link) {
      archive_entry_set_symlink(entry, what.content.c_str());
    } else if (what.kind == TarEntry::Kind::hard_link) {
      archive_entry_set_hardlink(entry, what.content.c_str());
    }
    const bool has_content = what.kind == TarEntry::Kind::file;
    archive_entry_set_size(entry, has_content ? static_cast<la_int64_t>(what.content.size()) : 0);
    archive_write_header(writer, entry);
    if (has_content) {
      archive_write_data(writer, what.content.data(), what.content.size());
    }
    archive_entry_free(entry);
  }
  archive_write_free(writer);
}

}  // namespace proxprop::train::testing
