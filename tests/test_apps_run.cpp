// apps: the order of the data, the plan of a run, the history of its losses, texts.
#include <cmath>
#include <numeric>
#include <set>

#include "apps/support/chart.h"
#include "apps/support/data_order.h"
#include "apps/support/divergence.h"
#include "apps/support/loss_history.h"
#include "apps/support/report.h"
#include "apps/support/run_plan.h"
#include "apps/support/streams.h"
#include "apps/support/text.h"
#include "tensor/ops.h"
#include "tests/test_apps_support.h"

using namespace ink;
using namespace ink::apps;
using namespace ink::test;

TEST_SUITE("apps run") {
  // ---- the order of the data -----------------------------------------------------------------

  TEST_CASE("every epoch is a permutation of its own, whatever the batch") {
    DataOrder order(10, Random(3));
    std::vector<Real> seen;
    for (int i = 0; i < 10; ++i) {
      const std::vector<Real> batch = order.next(3).to_vector();
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    CHECK(order.seen() == 30);
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      const auto first = seen.begin() + static_cast<std::ptrdiff_t>(10 * epoch);
      CHECK(std::set<Real>(first, first + 10).size() == 10);
    }
    CHECK(!std::equal(seen.begin(), seen.begin() + 10, seen.begin() + 10));

    DataOrder other(10, Random(3));
    CHECK(other.next(30).to_vector() == seen);
    CHECK(DataOrder(10, Random(4)).next(30).to_vector() != seen);
  }

  TEST_CASE("the number of images seen is all that the order must remember") {
    DataOrder whole(7, Random(1)), resumed(7, Random(1));
    whole.next(12);
    resumed.set_seen(12);
    CHECK(equal(whole.next(9), resumed.next(9)));
  }

  // ---- the plan ------------------------------------------------------------------------------

  TEST_CASE("a run in steps knows its learning rates from the start") {
    const Settings settings = new_settings(train_options({"--warmup", "5", "--lr", "1"}), "tiny");
    const RunPlan plan = RunPlan::in_steps(100, settings);
    CHECK(plan.steps() == 100);
    CHECK(plan.rate().warmup == 5);
    CHECK(plan.rate().decay_start == 70);
    CHECK(!plan.finished(99));
    CHECK(plan.finished(100));
    CHECK(plan.share(50, {}) == 0.5);
    CHECK(plan.to_string() == "100 steps");
    CHECK(RunPlan::in_steps(10, new_settings(train_options({}), "small")).rate().warmup == 7);
  }

  TEST_CASE("a run in minutes fixes its last step once 70 % of the time are over") {
    const Settings settings = new_settings(train_options({}), "small");
    RunPlan plan = RunPlan::in_minutes(10, settings);
    Pace pace{.elapsed = 300, .step = 0.5, .grid = 4, .last_grid = 60};
    plan.update(600, pace);
    CHECK(!plan.steps());
    CHECK(plan.share(600, pace) == doctest::Approx(300.0 / 540));
    CHECK(plan.seconds_left(600, pace) == doctest::Approx(300));

    pace.elapsed = 400;
    plan.update(800, pace);
    // 540 s are for training and the grids on the way, of which three are to come.
    CHECK(plan.rate().decay_start == 800);
    CHECK(plan.steps() == 800 + static_cast<Index>((540 - 400 - 3 * 4) / 0.5));
    CHECK(plan.share(800, pace) == doctest::Approx(0.7));
    CHECK(plan.seconds_left(800, pace) == doctest::Approx(200).epsilon(0.01));

    const auto fixed = plan.steps();
    pace.step = 5;
    plan.update(801, pace);
    CHECK(plan.steps() == fixed);
    CHECK(plan.rate().at(*fixed - 1) < plan.rate().peak / 1000);
  }

  TEST_CASE("a run in minutes always ends") {
    RunPlan plan = RunPlan::in_minutes(0.001, new_settings(train_options({}), "small"));
    plan.update(0, {.elapsed = 5, .step = 0});
    CHECK(!plan.finished(0));
    plan.update(1, {.elapsed = 6, .step = 3, .grid = 2, .last_grid = 50});
    CHECK(plan.finished(2));
  }

  TEST_CASE("a plan survives the way through text") {
    const Settings settings = new_settings(train_options({"--lr", "0.1"}), "small");
    RunPlan minutes = RunPlan::in_minutes(2.5, settings);
    for (const RunPlan& plan : {RunPlan::in_steps(33, settings), minutes}) {
      CHECK(RunPlan::from_json(plan.to_json()).to_json() == plan.to_json());
    }
    minutes.update(70, {.elapsed = 130, .step = 1});
    const RunPlan copy = RunPlan::from_json(minutes.to_json());
    CHECK(copy.steps() == minutes.steps());
    CHECK(copy.rate().at(80) == minutes.rate().at(80));
    check_parts(error_of([] { RunPlan::from_json("{}"); }), {"[checkpoint]", "plan"});
  }

  TEST_CASE("options choose the plan; without any it is minutes on the CPU") {
    const Settings settings = new_settings(train_options({"--batch", "10"}), "small");
    const auto plan = [&](std::vector<const char*> words) {
      return RunPlan::from_options(train_options(std::move(words)), settings, 1005, Device::cpu);
    };
    CHECK(plan({"--steps", "7"}).steps() == 7);
    CHECK(plan({"--minutes", "7"}).minutes() == 7);
    CHECK(plan({"--epochs", "2"}).steps() == 201);
    CHECK(plan({}).minutes() == kCpuMinutes);
    check_parts(error_of([&] { plan({"--epochs", "1e12"}); }), {"[--epochs]"});
  }

  // ---- the history of the losses -------------------------------------------------------------

  TEST_CASE("losses are kept by step and by quartile of t") {
    LossHistory history;
    CHECK(std::isnan(history.recent_mean()));
    history.add_step(Real(2), {1, 250, 251, 1000}, {1, 3, 5, 7}, 1000);
    history.add_step(Real(4), {500, 501}, {1, 2}, 1000);
    REQUIRE(history.bins().size() == 2);
    CHECK(history.recent_mean() == 3);
    CHECK(history.bins()[0].mean() == 2);
    CHECK(history.bins()[0].quartile_mean(0) == 2);
    CHECK(history.bins()[0].quartile_mean(1) == 5);
    CHECK(std::isnan(history.bins()[0].quartile_mean(2)));
    CHECK(history.bins()[0].quartile_mean(3) == 7);
    CHECK(history.bins()[1].quartile_mean(1) == 1);
    CHECK(history.bins()[1].quartile_mean(2) == 2);
  }

  TEST_CASE(
      "a long history is joined in pairs and loses no step; saved and loaded it is the same") {
    LossHistory history;
    const std::vector<Real> t{5}, loss{1};
    for (int i = 0; i < 5000; ++i) history.add_step(Real(1), t, loss, 1000);
    CHECK(history.width() == 4);
    CHECK(history.bins().size() == 1250);
    const double steps = std::accumulate(
        history.bins().begin(), history.bins().end(), 0.0,
        [](double sum, const LossBin& bin) { return sum + static_cast<double>(bin.steps); });
    CHECK(steps == 5000);

    NamedTensors file, again;
    history.save(file);
    LossHistory copy;
    copy.load(file);
    for (LossHistory* each : {&history, &copy}) each->add_step(Real(3), t, loss, 1000);
    history.save(again);
    NamedTensors of_copy;
    copy.save(of_copy);
    for (std::size_t i = 0; i < again.tensors.size(); ++i) {
      CHECK(equal(again.tensors[i].second, of_copy.tensors[i].second));
    }
    NamedTensors broken;
    broken.add("history.bins", Tensor::zeros({2, 3}));
    broken.add("history.width", Tensor::ones({1}));
    check_parts(error_of([&] { copy.load(broken); }), {"[checkpoint]", "(2,3)"});
  }

  // ---- texts and pictures --------------------------------------------------------------------

  TEST_CASE("numbers read well") {
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(989217) == "989,217");
    CHECK(with_commas(-1234567) == "-1,234,567");
    CHECK(duration(59.4) == "59 s");
    CHECK(duration(200) == "3 min 20 s");
    CHECK(duration(7500) == "2 h 5 min");
    CHECK(escape_html("<a & \"b\">") == "&lt;a &amp; &quot;b&quot;&gt;");
  }

  TEST_CASE("base 64 as in RFC 4648") {
    CHECK(base64("").empty());
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xff\xfe\xfd") == "//79");
  }

  TEST_CASE("a parameter that is not finite is named with its element") {
    nn::Parameters parameters;
    const nn::Scope scope(parameters);
    (scope / "first").parameter("weight", {2, 3}, nn::zeros());
    (scope / "second").parameter("bias", {4}, nn::ones());
    parameters.allocate(Random(0));
    CHECK(first_not_finite(parameters, parameters.values()).empty());
    Tensor values = parameters.values().clone();
    values.mutable_data()[8] = -INFINITY;
    values.mutable_data()[9] = NAN;
    CHECK(first_not_finite(parameters, values) == "second.bias[2] is -inf");
    values = parameters.values().clone();
    values.mutable_data()[5] = Real(-7);
    CHECK(largest(parameters, values) == "first.weight[5] is -7");
  }

  TEST_CASE("smoothing takes the mean of neighbours and skips what is missing") {
    CHECK(smoothed({1, 2, 3, 4, 5, 6}, 4) == std::vector<double>{1, 2, 3, 4, 4.5, 5});
    CHECK(smoothed({1, 2, 3}, 1) == std::vector<double>{1, 2, 3});
    CHECK(smoothed({1, NAN, 3}, 2)[1] == 2);
    CHECK(std::isnan(smoothed({NAN}, 8)[0]));
    CHECK(smoothed({}, 3).empty());
  }

  TEST_CASE("the report is one page that loads nothing") {
    LossHistory history;
    Report report{.title = "a <title>",
                  .status = "now",
                  .grids = {},
                  .strip = {},
                  .strip_times = {1000, 0},
                  .history = &history,
                  .command = "train_mnist --out 'a&b'",
                  .configuration = {{"Seed", "0"}}};
    const std::string empty = report_html(report);
    check_parts(empty, {"<!doctype html>", "a &lt;title&gt;", "No step has been taken", "a&amp;b"});

    for (int i = 0; i < 300; ++i) {
      history.add_step(Real(1) / static_cast<Real>(i + 1), {1, 400, 600, 900}, {1, 2, 3, 4}, 1000);
    }
    report.grids = {{"step 1", "png bytes"}, {"step 2", "more"}};
    report.strip = {"the way", "strip"};
    const std::string page = report_html(report);
    check_parts(page, {"data:image/png;base64," + base64("png bytes"), base64("strip"), "<svg",
                       "type=\"range\"", "max=\"1\"", "<span>1000</span>"});
    for (const char* const outside : {"http://", "https://", "src=\"/", "@import", "url("}) {
      CHECK_MESSAGE(page.find(outside) == std::string::npos, outside);
    }
    CHECK(page.find("nan") == std::string::npos);
  }
}
