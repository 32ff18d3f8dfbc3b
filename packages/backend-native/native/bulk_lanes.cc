// BulkLanes: lanes, runners, delivery and teardown.
//
// An engine is driven by a thread of its own, or by the event loop, which watches the engine's set
// as it does the poller's (poller.cc). Threads are started with the first lane and kept: a fan-out
// after the other finds them there. They end where the backend ends, and the loop does not wait for
// them: the last thing a thread does is to say so, by the same handle that outcomes come by.
//
// A handle of the loop keeps nothing alive here: who waits for outcomes does that.
#include "bulk_lanes.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "monotonic_clock.h"
#include "sink.h"

namespace pollout {

namespace {

// Between two calls of JavaScript while there is more to come, which costs its thread as much as a
// hundred outcomes do. A connection may be waited for; that something has ended, less so.
constexpr std::uint64_t kQuietNs = 4'000'000;
constexpr std::uint64_t kQuietUnkeptNs = 10'000'000;
// An attempt takes some 10 to 25 us.
constexpr int kYieldEvery = 16;
// On the loop's thread an attempt takes some 25 us: this holds a turn to 3 ms.
constexpr int kLoopBatch = 128;
// As long as a turn of the loop is to take: code that runs for the first time takes ten times what
// it does later.
constexpr std::uint64_t kTurnNs = 1'000'000;

}  // namespace

std::int64_t BulkLanes::Open(Napi::Env env, Loop* loop, BulkPlan plan, std::uint32_t limit,
                             Napi::Function sink) {
  if (closing_ || loop == nullptr) return -EBADF;
  if (runners_.empty()) {
    const char* call = nullptr;
    const int failed = StartRunners(*loop, &call);
    if (failed != 0) {
      SystemError(env, failed, call).ThrowAsJavaScriptException();
      return 0;
    }
  }
  auto lane = std::make_shared<BulkLane>(std::move(plan), limit,
                                         static_cast<std::uint32_t>(runners_.size()));
  for (const auto& runner : runners_) runner->engine.Add(lane);
  ++last_lane_;
  lanes_.emplace(last_lane_, Lane{std::move(lane), Napi::Persistent(sink)});
  return last_lane_;
}

int BulkLanes::StartRunners(Loop& loop, const char** call) {
  if (open_handles_ == 0) {
    const Loop::Opened opened = loop.Signal(*this);
    *call = opened.call;
    if (opened.failed != 0) return opened.failed;
    ++open_handles_;
    signal_ = opened.handle;
  }
  for (std::uint32_t index = 0; index < threads_; ++index) {
    BulkEngine::Settings settings;
    settings.index = index;
    settings.quiet_ns = kQuietNs;
    settings.quiet_unkept_ns = kQuietUnkeptNs;
    settings.yield_every = kYieldEvery;
    auto runner = std::make_unique<Runner>(*this, settings);
    // With fewer threads than were asked for, and with none, it works all the same.
    if (runner->engine.Open(call) != 0 || runner->thread.Start() != 0) break;
    runners_.push_back(std::move(runner));
  }
  return runners_.empty() ? StartOnLoop(loop, call) : 0;
}

int BulkLanes::StartOnLoop(Loop& loop, const char** call) {
  BulkEngine::Settings settings;
  settings.batch = kLoopBatch;
  auto runner = std::make_unique<Runner>(*this, settings);
  const int failed = runner->engine.Open(call);
  if (failed != 0) return failed;
  const Loop::Opened opened = loop.Watch(runner->engine.fd(), *this);
  *call = opened.call;
  if (opened.failed != 0) return opened.failed;
  ++open_handles_;
  watch_ = opened.handle;
  on_loop_ = true;
  runners_.push_back(std::move(runner));
  return 0;
}

const BulkLane* BulkLanes::Find(std::uint32_t lane) const noexcept {
  const auto found = lanes_.find(lane);
  return found == lanes_.end() ? nullptr : found->second.lane.get();
}

void BulkLanes::Submit(std::uint32_t lane, const std::uint8_t* records, std::size_t count) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end() || count == 0) return;
  found->second.lane->Submit(records, count);
  for (const auto& runner : runners_) runner->engine.Poke();
}

void BulkLanes::Limit(std::uint32_t lane, std::uint32_t most) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  found->second.lane->Limit(most);
  for (const auto& runner : runners_) runner->engine.Poke();
}

void BulkLanes::Cancel(std::uint32_t lane) {
  const auto found = lanes_.find(lane);
  if (found == lanes_.end()) return;
  std::shared_ptr<BulkLane> cancelled = std::move(found->second.lane);
  lanes_.erase(found);
  cancelled->Cancel();
  for (std::size_t index = 1; index < runners_.size(); ++index) {
    runners_[index]->engine.Remove(cancelled);
  }
  // The last owner closes what was connected and not told; that is an engine.
  runners_[0]->engine.Remove(std::move(cancelled));
  if (on_loop_) runners_[0]->engine.ObeyNow();
}

void BulkLanes::Deliver(Napi::Env env) {
  const std::uint64_t until_ns = MonotonicNs() + kTurnNs;
  // In a row that had nothing. The sink may open lanes, and cancel any.
  std::size_t without = 0;
  while (without < lanes_.size()) {
    auto next = lanes_.upper_bound(served_);
    if (next == lanes_.end()) next = lanes_.begin();
    served_ = next->first;
    const Napi::HandleScope scope(env);
    Napi::Float64Array records = PrepareRecords(env);
    // An environment that exits still turns its loop, and makes no arrays any more.
    if (records.IsEmpty()) return;
    const std::size_t count =
        Take(*next->second.lane, reinterpret_cast<BulkFields*>(records.Data()));
    if (count == 0) {
      ++without;
      continue;
    }
    without = 0;
    const Napi::Function sink = next->second.sink.Value();
    CallFunction(env, sink, {records, Napi::Number::New(env, static_cast<double>(count))});
    if (closing_) return;
    // The rest in the next turn.
    if (env.IsExceptionPending() || MonotonicNs() >= until_ns) {
      signal_->Send();
      return;
    }
  }
}

std::size_t BulkLanes::Take(BulkLane& lane, BulkFields* array) {
  lane.TakeOutcomes(&batch_, kMaxBatch);
  const std::size_t count = batch_.size();
  for (std::size_t index = 0; index < count; ++index) {
    BulkOutcome& outcome = batch_[index];
    if (outcome.kept) Own(outcome, lane);
    array[index] = outcome.fields;
  }
  batch_.clear();
  return count;
}

void BulkLanes::Own(BulkOutcome& outcome, const BulkLane& lane) {
  if (sockets_.IsFull()) {
    outcome.fields.status = -EMFILE;
    outcome.fields.step = static_cast<double>(BulkStep::kSocket);
    return;
  }
  const SocketKind kind = outcome.kept.kind();
  const int lost = outcome.kept.lost();
  const std::int64_t handle = sockets_.Insert(outcome.kept.Take(), kind);
  Socket* socket = sockets_.Find(static_cast<std::uint64_t>(handle));
  socket->recyclable = false;
  socket->may_linger = lane.may_linger();
  socket->connect.lost = lost;
  outcome.fields.handle = static_cast<double>(handle);
}

Napi::Float64Array BulkLanes::PrepareRecords(Napi::Env env) {
  constexpr std::size_t kLength = kMaxBatch * kOutcomeFields;
  if (!records_.IsEmpty()) {
    const Napi::Float64Array records = records_.Value();
    // The sink may have transferred it to another thread: its memory is not ours then.
    if (records.ElementLength() == kLength) return records;
  }
  const Napi::Float64Array records = Napi::Float64Array::New(env, kLength);
  if (!records.IsEmpty()) records_ = Napi::Persistent(records);
  return records;
}

bool BulkLanes::Close() {
  closing_ = true;
  lanes_.clear();
  records_.Reset();
  if (open_handles_ == 0) return false;
  for (const auto& runner : runners_) runner->engine.Stop();
  if (on_loop_) runners_[0]->engine.ObeyNow();
  if (on_loop_ || runners_.empty()) {
    CloseHandles();
  } else {
    // An exiting environment turns its loop only while something keeps that alive.
    signal_->KeepAlive(true);
  }
  return true;
}

bool BulkLanes::AreThreadsEnded() const noexcept {
  return std::all_of(runners_.begin(), runners_.end(),
                     [](const auto& runner) { return runner->thread.ended(); });
}

void BulkLanes::WaitForThreads() {
  // None, or the handles are closed already.
  if (runners_.empty() || on_loop_) return;
  for (const auto& runner : runners_) runner->thread.Join();
  CloseHandles();
}

void BulkLanes::CloseHandles() {
  if (on_loop_) watch_->Close();
  signal_->Close();
  // Their descriptors, which are not watched any more.
  runners_.clear();
}

void BulkLanes::OnHandleClosed() {
  if (--open_handles_ == 0) owner_.OnClosed();
}

void BulkLanes::OnOutcomes() {
  if (on_loop_) {
    told_ = true;
  } else {
    signal_->Send();
  }
}

void BulkLanes::OnThreadEnded() { signal_->Send(); }

void BulkLanes::OnHandle(LoopHandle& handle, int /*error*/) {
  if (&handle == signal_) {
    OnSignal();
    return;
  }
  // Whatever the loop says of the set: the engine asks it too.
  runners_[0]->engine.Round(false);
  if (std::exchange(told_, false)) owner_.OnOutcomes();
}

void BulkLanes::OnSignal() {
  if (!closing_) {
    owner_.OnOutcomes();
  } else if (AreThreadsEnded()) {
    WaitForThreads();
  }
}

}  // namespace pollout
