// The clock of uv_hrtime(), for what is to be built without libuv too: test/bulk-stress.cc.
#pragma once

#include <cstdint>
#include <ctime>

namespace pollout {

inline std::uint64_t MonotonicNs() noexcept {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return (static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond) +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace pollout
