// The one clock of the addon, and its times as JavaScript has them.
#pragma once

#include <cstdint>
#include <ctime>
#include <limits>

namespace pollout {

constexpr std::uint64_t kNsPerUs = 1000;
constexpr std::uint64_t kNsPerMs = 1'000'000;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
constexpr std::uint64_t kNoDeadline = UINT64_MAX;

inline std::uint64_t MonotonicNs() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return (static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond) +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// So many milliseconds later; for Infinity, and what is as good as that, never.
inline std::uint64_t DeadlineAfter(std::uint64_t now_ns, double timeout_ms) noexcept {
  // More than a century.
  constexpr double kLongestMs = 4e12;
  if (timeout_ms > kLongestMs) return kNoDeadline;
  return now_ns + static_cast<std::uint64_t>(timeout_ms * static_cast<double>(kNsPerMs));
}

// Milliseconds since `origin_ms`; NaN for 0, which is a time that is not known.
inline double MsSince(double origin_ms, std::uint64_t ns) noexcept {
  if (ns == 0) return std::numeric_limits<double>::quiet_NaN();
  return (static_cast<double>(ns) / static_cast<double>(kNsPerMs)) - origin_ms;
}

}  // namespace pollout
