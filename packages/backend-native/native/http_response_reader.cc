// HttpResponseReader: how llhttp is asked.
//
// Its callback at the end of a response pauses it, so that it says where that was: what follows is
// the next one's. Responses from 100 to 199 come before the one that counts (RFC 9110, 15.2), but
// for 101, after which the connection speaks something else. Strict as it comes: what it calls
// lenient would have two programs read two different things.
#include "http_response_reader.h"

#include <utility>

namespace pollout {

namespace {

constexpr int kSwitchingProtocols = 101;
constexpr int kFirstFinal = 200;
// What `on_headers_complete` answers for a response without a body.
constexpr int kNoBody = 1;

HttpResponseReader& ReaderOf(const llhttp_t* parser) noexcept {
  return *static_cast<HttpResponseReader*>(parser->data);
}

// Made when this is compiled: one that is made at its first use wants a guard, and that the whole
// of what unwinds exceptions.
constexpr llhttp_settings_t kSettings = [] {
  llhttp_settings_t settings{};
  settings.on_headers_complete = [](llhttp_t* parser) {
    return ReaderOf(parser).HeadersComplete();
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    return ReaderOf(parser).MessageComplete();
  };
  return settings;
}();

}  // namespace

HttpResponseReader::HttpResponseReader(bool head, std::uint64_t most) noexcept
    : most_(most), head_(head) {
  llhttp_init(&parser_, HTTP_RESPONSE, &kSettings);
  parser_.data = this;
}

int HttpResponseReader::HeadersComplete() const noexcept { return head_ ? kNoBody : 0; }

int HttpResponseReader::MessageComplete() noexcept {
  const int status = llhttp_get_status_code(&parser_);
  if (status < kFirstFinal && status != kSwitchingProtocols) return 0;
  whole_ = true;
  code_ = status;
  goes_on_ = status != kSwitchingProtocols && llhttp_should_keep_alive(&parser_) != 0;
  return HPE_PAUSED;
}

ResponseReader::Progress HttpResponseReader::Read(const std::uint8_t* data,
                                                  std::size_t size) noexcept {
  const auto* text = reinterpret_cast<const char*>(data);
  const llhttp_errno_t said = llhttp_execute(&parser_, text, size);
  std::size_t used = size;
  if (std::exchange(whole_, false)) {
    used = static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - text);
    llhttp_resume(&parser_);
    length_ += used;
    return {std::exchange(length_, 0) > most_ ? Said::kTooLarge : Said::kWhole, used};
  }
  length_ += used;
  if (said != HPE_OK) return {Said::kMalformed, used};
  return {length_ > most_ ? Said::kTooLarge : Said::kMore, used};
}

// Where neither a length nor chunks say it, the end of the stream is that of the body: RFC 9112,
// 6.3.
bool HttpResponseReader::ReadEnd() noexcept {
  llhttp_finish(&parser_);
  if (!std::exchange(whole_, false)) return false;
  goes_on_ = false;
  return true;
}

}  // namespace pollout
