// ByteMatcher: looks for some bytes in a stream of them, however that was cut. Knuth, Morris, Pratt
// (1977): each byte is looked at once, whatever is looked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pollout {

class ByteMatcher {
 public:
  // None: it has matched from the beginning.
  explicit ByteMatcher(std::vector<std::uint8_t> wanted)
      : wanted_(std::move(wanted)), fallback_(wanted_.size(), 0) {
    for (std::size_t at = 1, border = 0; at < wanted_.size(); ++at) {
      while (border > 0 && wanted_[at] != wanted_[border]) border = fallback_[border - 1];
      if (wanted_[at] == wanted_[border]) ++border;
      fallback_[at] = border;
    }
  }

  // Where in a stream it stands.
  using State = std::size_t;
  bool IsFound(State state) const noexcept { return state == wanted_.size(); }
  // How many bytes were looked at: all, or as far as the end of what was found.
  std::size_t Look(const std::uint8_t* data, std::size_t size, State* state) const noexcept {
    std::size_t matched = *state;
    std::size_t at = 0;
    while (matched < wanted_.size() && at < size) {
      while (matched > 0 && data[at] != wanted_[matched]) matched = fallback_[matched - 1];
      if (data[at] == wanted_[matched]) ++matched;
      ++at;
    }
    *state = matched;
    return at;
  }

 private:
  std::vector<std::uint8_t> wanted_;
  // Of each beginning, the longest shorter one that it ends with.
  std::vector<std::size_t> fallback_;
};

}  // namespace pollout
