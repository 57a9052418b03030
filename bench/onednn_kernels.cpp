// oneDNN's primitives for the recurrences, convolutions and products of the workloads: kernels alone, without
// embeddings, losses and optimizers, on padded batches.
//
//   OMP_NUM_THREADS=N onednn_kernels SECONDS WORKLOAD PHASE      phase: train, predict32 or predict1
//
// Prints a line for each pass: milliseconds of all kernels of a step, forward and, for training, backward.
// For oneDNN 2 (Debian's libdnnl-dev); legend: T steps, N batch, C input features, H units.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>
#if DNNL_VERSION_MAJOR != 2
#error "written for oneDNN 2"
#endif

using namespace dnnl;
using desc = memory::desc;
using dims = memory::dims;
using tag = memory::format_tag;
using arguments = std::unordered_map<int, memory>;
constexpr auto f32 = memory::data_type::f32;

namespace {

const engine cpu(engine::kind::cpu, 0);
stream queue(cpu);

struct kernel {
  primitive what;
  arguments with;
};
using kernels = std::vector<kernel>;

// Numbers in -0.1 .. 0.1, so that nothing overflows or becomes denormal.
memory numbers(const desc &d) {
  memory m(d, cpu);
  auto *at = static_cast<float *>(m.get_data_handle());
  unsigned state = 12345;
  for (size_t k = 0; k < d.get_size() / sizeof(float); k++) {
    state = state * 1664525U + 1013904223U;
    at[k] = 0.1F * (static_cast<float>(state >> 8) / 8388608.0F - 1.0F);
  }
  return m;
}

// ---- recurrences, both directions where D is 2

struct recurrence {
  int T, N, C, H, D;
  bool lstm, train;

  desc src() const {
    return {{T, N, C}, f32, tag::tnc};
  }
  desc dst() const {
    return {{T, N, D * H}, f32, tag::tnc};
  }
  desc any_kernel(int inputs) const {
    return {{1, D, inputs, lstm ? 4 : 3, H}, f32, tag::any};
  }
  desc bias() const {
    return {{1, D, 4, H}, f32, tag::ldgo};
  }
  rnn_direction direction() const {
    return D == 2 ? rnn_direction::bidirectional_concat : rnn_direction::unidirectional_left2right;
  }

  template <class primitive_desc> kernel forward(const primitive_desc &pd, memory &workspace) const {
    arguments with = {{DNNL_ARG_SRC_LAYER, numbers(src())},
                      {DNNL_ARG_WEIGHTS_LAYER, numbers(pd.weights_layer_desc())},
                      {DNNL_ARG_WEIGHTS_ITER, numbers(pd.weights_iter_desc())},
                      {DNNL_ARG_BIAS, numbers(bias())},
                      {DNNL_ARG_DST_LAYER, numbers(dst())}};
    if (train) {
      workspace = memory(pd.workspace_desc(), cpu);
      with.insert({DNNL_ARG_WORKSPACE, workspace});
    }
    return {primitive(pd), with};
  }

  template <class primitive_desc> kernel backward(const primitive_desc &pd, const memory &workspace) const {
    arguments with = {{DNNL_ARG_SRC_LAYER, numbers(src())},
                      {DNNL_ARG_WEIGHTS_LAYER, numbers(pd.weights_layer_desc())},
                      {DNNL_ARG_WEIGHTS_ITER, numbers(pd.weights_iter_desc())},
                      {DNNL_ARG_BIAS, numbers(bias())},
                      {DNNL_ARG_DST_LAYER, numbers(dst())},
                      {DNNL_ARG_WORKSPACE, workspace},
                      {DNNL_ARG_DIFF_SRC_LAYER, numbers(src())},
                      {DNNL_ARG_DIFF_WEIGHTS_LAYER, numbers(pd.diff_weights_layer_desc())},
                      {DNNL_ARG_DIFF_WEIGHTS_ITER, numbers(pd.diff_weights_iter_desc())},
                      {DNNL_ARG_DIFF_BIAS, numbers(bias())},
                      {DNNL_ARG_DIFF_DST_LAYER, numbers(dst())}};
    return {primitive(pd), with};
  }

  void add_to(kernels &list) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    const desc none, x = src(), y = dst(), w = any_kernel(C), u = any_kernel(H), b = bias();
    memory workspace;
    if (lstm) {
      lstm_forward::primitive_desc f({kind, direction(), x, none, none, w, u, b, y, none, none}, cpu);
      list.push_back(forward(f, workspace));
      if (train)
        list.push_back(backward(lstm_backward::primitive_desc({prop_kind::backward,
                                                               direction(),
                                                               x,
                                                               none,
                                                               none,
                                                               w,
                                                               u,
                                                               b,
                                                               y,
                                                               none,
                                                               none,
                                                               x,
                                                               none,
                                                               none,
                                                               w,
                                                               u,
                                                               b,
                                                               y,
                                                               none,
                                                               none},
                                                              cpu, f),
                                workspace));
    } else {
      lbr_gru_forward::primitive_desc f({kind, direction(), x, none, w, u, b, y, none}, cpu);
      list.push_back(forward(f, workspace));
      if (train)
        list.push_back(
            backward(lbr_gru_backward::primitive_desc({prop_kind::backward, direction(), x, none, w, u, b, y,
                                                       none, x, none, w, u, b, y, none},
                                                      cpu, f),
                     workspace));
    }
  }
};

// ---- convolutions, without padding

void add_convolution(kernels &list, bool train, bool needs_input_gradient, int N, int channels, int height,
                     int width, int filters, int kernel_height, int kernel_width) {
  const desc x({N, channels, height, width}, f32, tag::any), b({filters}, f32, tag::x),
      w({filters, channels, kernel_height, kernel_width}, f32, tag::any),
      y({N, filters, height - kernel_height + 1, width - kernel_width + 1}, f32, tag::any);
  const dims one{1, 1}, zero{0, 0};
  const auto direct = algorithm::convolution_direct;
  const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
  convolution_forward::primitive_desc f({kind, direct, x, w, b, y, one, zero, zero}, cpu);
  list.push_back({convolution_forward(f),
                  {{DNNL_ARG_SRC, numbers(f.src_desc())},
                   {DNNL_ARG_WEIGHTS, numbers(f.weights_desc())},
                   {DNNL_ARG_BIAS, numbers(b)},
                   {DNNL_ARG_DST, numbers(f.dst_desc())}}});
  if (!train)
    return;
  convolution_backward_weights::primitive_desc g({direct, x, w, b, y, one, zero, zero}, cpu, f);
  list.push_back({convolution_backward_weights(g),
                  {{DNNL_ARG_SRC, numbers(g.src_desc())},
                   {DNNL_ARG_DIFF_WEIGHTS, numbers(g.diff_weights_desc())},
                   {DNNL_ARG_DIFF_BIAS, numbers(b)},
                   {DNNL_ARG_DIFF_DST, numbers(g.diff_dst_desc())}}});
  if (!needs_input_gradient)
    return;
  convolution_backward_data::primitive_desc d({direct, x, w, y, one, zero, zero}, cpu, f);
  list.push_back({convolution_backward_data(d),
                  {{DNNL_ARG_DIFF_SRC, numbers(d.diff_src_desc())},
                   {DNNL_ARG_WEIGHTS, numbers(d.weights_desc())},
                   {DNNL_ARG_DIFF_DST, numbers(d.diff_dst_desc())}}});
}

// ---- products [m, k] [k, n], `count` of them; for training with both gradients

void add_matmul(kernels &list, int count, int m, int n, int k, tag a, tag b) {
  const desc x({count, m, k}, f32, a), w({count, k, n}, f32, b), y({count, m, n}, f32, tag::abc);
  list.push_back({matmul(matmul::primitive_desc({x, w, y}, cpu)),
                  {{DNNL_ARG_SRC, numbers(x)}, {DNNL_ARG_WEIGHTS, numbers(w)}, {DNNL_ARG_DST, numbers(y)}}});
}

void add_product(kernels &list, bool train, int count, int m, int n, int k, tag b = tag::abc) {
  add_matmul(list, count, m, n, k, tag::abc, b);
  if (!train)
    return;
  add_matmul(list, count, m, k, n, tag::abc,
             b == tag::abc ? tag::acb : tag::abc);      // gradient of the left operand
  add_matmul(list, count, k, n, m, tag::acb, tag::abc); // of the right one
}

void add_encoder(kernels &list, bool train, int N) {
  const int rows = 200 * N;
  add_product(list, train, 1, rows, 1536, 256);
  add_product(list, train, 2 * N, 200, 200, 256, tag::acb);
  add_product(list, train, 2 * N, 200, 256, 200);
  add_product(list, train, 1, rows, 256, 512);
  add_product(list, train, 1, rows, 32, 256);
  add_product(list, train, 1, rows, 256, 32);
}

kernels kernels_of(const std::string &workload, const std::string &phase) {
  kernels list;
  const bool train = phase == "train", single = phase == "predict1";
  const int N = single ? 1 : 32;
  if (workload == "w1") {
    recurrence{single ? 233 : 600, N, 256, 32, 2, true, train}.add_to(list);
  } else if (workload == "w4") {
    recurrence{single ? 20 : 50, N, 128, 64, 2, true, train}.add_to(list);
  } else if (workload == "w5") {
    add_convolution(list, train, true, N, 128, 1, 200, 128, 1, 5);
  } else if (workload == "w6") {
    add_convolution(list, train, false, N, 1, 28, 28, 64, 3, 3);
    add_convolution(list, train, true, N, 64, 13, 13, 64, 3, 3);
  } else if (workload == "w7") {
    recurrence{100, N, 64, 128, 1, false, train}.add_to(list);
    recurrence{100, N, 128, 128, 1, false, train}.add_to(list);
  } else if (workload == "w8") {
    add_encoder(list, train, N);
  }
  return list;
}

double milliseconds_now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void run_pass(const kernels &list, int steps) {
  for (int k = 0; k < steps; k++)
    for (const kernel &each : list)
      each.what.execute(queue, each.with);
  queue.wait();
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  enum { LEAST_PASSES = 2 };
  const double most = 1e3 * std::atof(argv[1]);
  const kernels list = kernels_of(argv[2], argv[3]);
  if (list.empty())
    return 2;
  const int steps = std::strcmp(argv[3], "predict1") == 0 ? 64 : 4;
  run_pass(list, steps);
  const double began = milliseconds_now();
  for (int pass = 0; pass < LEAST_PASSES || milliseconds_now() - began < most; pass++) {
    const double started = milliseconds_now();
    run_pass(list, steps);
    std::printf("%.6f\n", (milliseconds_now() - started) / steps);
  }
  return 0;
}
