// ExchangeLanes: lanes, threads, delivery and teardown.
//
// A lane has threads of its own, which begin and end with it: a run of load lasts for seconds, and
// what is left of one must not be in the next. Whoever ends a lane waits for its threads. They have
// no more to do than to close what is open.
//
// The handle of the loop keeps nothing alive here: who waits for outcomes does that.
#include "exchange_lanes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "monotonic_clock.h"
#include "quiet_thread.h"
#include "sink.h"

namespace pollout {

namespace {

// As long as a turn of the loop is to take.
constexpr std::uint64_t kDeliveryNs = 1'000'000;

}  // namespace

ExchangeLanes::Runner::~Runner() {
  if (!started_) return;
  engine_.Stop();
  ::pthread_join(thread_, nullptr);
}

int ExchangeLanes::Runner::Start(const char** call) noexcept {
  int failed = engine_.Open(call);
  if (failed != 0) return failed;
  *call = "pthread_create";
  failed = StartQuietThread(
      &thread_, "pollout-load",
      [](void* engine) -> void* {
        static_cast<ExchangeEngine*>(engine)->Run();
        return nullptr;
      },
      &engine_);
  started_ = failed == 0;
  return failed;
}

std::int64_t ExchangeLanes::Open(Napi::Env env, Loop* loop, ExchangePlan plan,
                                 std::uint32_t threads, Napi::Function exchanges,
                                 Napi::Function connections) {
  if (closing_ || loop == nullptr) return -EBADF;
  const char* call = nullptr;
  int failed = 0;
  if (signal_ == nullptr) {
    const Loop::Opened opened = loop->Signal(*this);
    call = opened.call;
    failed = opened.failed;
    signal_ = opened.handle;
  }
  Lane lane;
  lane.lane = std::make_unique<ExchangeLane>(std::move(plan), threads);
  for (std::uint32_t index = 0; failed == 0 && index < threads; ++index) {
    lane.runners.push_back(std::make_unique<Runner>(*this, *lane.lane, index));
    failed = lane.runners.back()->Start(&call);
  }
  if (failed != 0) {
    SystemError(env, failed, call).ThrowAsJavaScriptException();
    return 0;
  }
  lane.exchanges = Napi::Persistent(exchanges);
  lane.connections = Napi::Persistent(connections);
  ++last_lane_;
  lanes_.emplace(last_lane_, std::move(lane));
  return last_lane_;
}

const ExchangePlan* ExchangeLanes::Find(std::uint32_t lane) const noexcept {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : &found->second.lane->plan();
}

void ExchangeLanes::Submit(std::uint32_t lane, const double* records, std::size_t count) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || count == 0) return;
  found->second.lane->Submit(records, count);
  for (const auto& runner : found->second.runners) runner->engine().Poke();
}

void ExchangeLanes::Stop(std::uint32_t lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  found->second.lane->Stop();
  for (const auto& runner : found->second.runners) runner->engine().Poke();
  // Of what was queued the engines know nothing.
  signal_->Send();
}

void ExchangeLanes::Cancel(std::uint32_t lane) { lanes_.erase(lane); }

template <typename Fields>
void ExchangeLanes::Call(Napi::Env env, const Napi::FunctionReference& sink,
                         const std::vector<Fields>& told) {
  const std::size_t bytes = told.size() * sizeof(Fields);
  Napi::Float64Array records = Napi::Float64Array::New(env, bytes / sizeof(double));
  // An environment that exits still turns its loop, and makes no arrays any more.
  if (records.IsEmpty()) return;
  std::memcpy(records.Data(), told.data(), bytes);
  CallFunction(env, sink.Value(),
               {records, Napi::Number::New(env, static_cast<double>(told.size()))});
}

bool ExchangeLanes::DeliverTo(Napi::Env env, std::uint32_t number) {
  const Napi::HandleScope scope(env);
  auto found = lanes_.find(number);
  exchanges_.clear();
  connections_.clear();
  found->second.lane->Take(&exchanges_, &connections_, kMaxBatch);
  if (!connections_.empty()) Call(env, found->second.connections, connections_);
  if (env.IsExceptionPending() || closing_) return true;
  // The sink may have cancelled it.
  found = lanes_.find(number);
  if (found == lanes_.end()) return true;
  if (!exchanges_.empty()) Call(env, found->second.exchanges, exchanges_);
  return !connections_.empty() || !exchanges_.empty();
}

void ExchangeLanes::Deliver(Napi::Env env) {
  const std::uint64_t until_ns = MonotonicNs() + kDeliveryNs;
  // In a row that had nothing. The sink may open lanes, and cancel any.
  for (std::size_t without = 0; !closing_ && without < lanes_.size();) {
    auto next = lanes_.upper_bound(served_);
    if (next == lanes_.end()) next = lanes_.begin();
    served_ = next->first;
    without = DeliverTo(env, served_) ? 0 : without + 1;
    if (closing_ || (!env.IsExceptionPending() && MonotonicNs() < until_ns)) continue;
    // The rest in the next turn.
    signal_->Send();
    return;
  }
}

std::size_t ExchangeLanes::open_sockets() const noexcept {
  std::size_t count = 0;
  for (const auto& [number, lane] : lanes_) {
    for (const auto& runner : lane.runners) count += runner->engine().open_sockets();
  }
  return count;
}

bool ExchangeLanes::Close() {
  closing_ = true;
  lanes_.clear();
  if (signal_ == nullptr) return false;
  signal_->Close();
  return true;
}

void ExchangeLanes::OnExchanges() { signal_->Send(); }

void ExchangeLanes::OnHandle(LoopHandle& /*handle*/, int /*error*/) {
  if (!closing_) owner_.OnExchanges();
}

void ExchangeLanes::OnHandleClosed() { owner_.OnClosed(); }

}  // namespace pollout
