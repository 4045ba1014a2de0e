#include "train/data/http.h"

#include "train/data/data_error.h"

#include <curl/curl.h>

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>

namespace proxprop::train {
namespace {

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

Curl make_curl() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  Curl curl(initialised == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!curl) {
    throw DataError("libcurl cannot be started, so nothing can be downloaded");
  }
  return curl;
}

/// What libcurl's callbacks need. Exceptions may not pass through libcurl: they are kept, and thrown afterwards.
struct Transfer {
  CURL* curl;
  OutputFile& output;
  int64_t max_bytes;
  const TransferProgress& progress;
  int64_t begin;          // where the request starts
  int64_t total = -1;     // of the whole file
  bool answered = false;  // the first bytes of the body have come
  bool wrong_range = false;
  std::exception_ptr error = nullptr;

  /// Looks at the answer's head before the first byte is kept. Returns whether the bytes fit to what is there.
  bool begin_body() {
    answered = true;
    long code = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    if (code == 206) {
      curl_header* header = nullptr;
      long long first = -1;
      const bool given = curl_easy_header(curl, "Content-Range", 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
                         std::sscanf(header->value, "bytes %lld-", &first) == 1;
      wrong_range = !given || first != begin;
    } else if (begin > 0) {
      output.clear();
    }
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    total = length < 0 ? -1 : output.size() + length;
    return !wrong_range;
  }

  void append(std::span<const char> bytes) {
    if (output.size() + static_cast<int64_t>(bytes.size()) > max_bytes || total > max_bytes) {
      throw DataError(
          output.path().string() + ": expected at most " + std::to_string(max_bytes) +
          " bytes, the server sends more; this is another file than it should be, check the address");
    }
    output.write(bytes);
  }
};

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    if (!transfer.answered && !transfer.begin_body()) {
      return 0;
    }
    transfer.append({data, size * count});
    return size * count;
  } catch (...) {
    transfer.error = std::current_exception();
    return 0;
  }
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    transfer.progress(transfer.output.size(), transfer.total);
    return 0;
  } catch (...) {
    transfer.error = std::current_exception();
    return 1;
  }
}

void configure(CURL* curl, const std::string& url, Transfer& transfer, char* error_text) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "proxprop");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // less than a byte a second
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);  // for a minute: stalled
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error_text);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  if (transfer.progress) {
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  }
  if (transfer.begin > 0) {
    // Not CURLOPT_RESUME_FROM, which makes an error of a server that sends everything.
    curl_easy_setopt(curl, CURLOPT_RANGE, (std::to_string(transfer.begin) + "-").c_str());
  }
}

HttpResult classify(CURLcode code, CURL* curl, const char* error_text) {
  using Status = HttpResult::Status;
  const std::string message = *error_text != '\0' ? error_text : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OK: return {};
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return {Status::cut, message};
    case CURLE_HTTP_RETURNED_ERROR: {
      long answer = 0;
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
      return {answer == 416 ? Status::range_refused : answer >= 500 ? Status::cut : Status::refused, message};
    }
    default: return {Status::refused, message};
  }
}

}  // namespace

HttpResult http_get(const std::string& url, OutputFile& output, int64_t max_bytes, const TransferProgress& progress) {
  std::array<char, CURL_ERROR_SIZE> error_text{};
  const Curl curl = make_curl();
  Transfer transfer{curl.get(), output, max_bytes, progress, output.size()};
  configure(curl.get(), url, transfer, error_text.data());
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer.error) {
    std::rethrow_exception(transfer.error);
  }
  if (transfer.wrong_range) {
    return {HttpResult::Status::range_refused, "the server sent other bytes than were asked for"};
  }
  return classify(code, curl.get(), error_text.data());
}

}  // namespace proxprop::train
