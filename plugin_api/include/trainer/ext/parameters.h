/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/parameters.h - "trainer.parameters/1": named tensors of the model, its gradients, the optimizer.
 *
 * Views in DLPack's layout, read-only, valid until the callback returns. Nothing is copied; on a GPU
 * the view is the device's memory, and work that writes it may still be running on `stream`: a plugin
 * that is no program of that device asks for a copy.
 */
#ifndef TRAINER_EXT_PARAMETERS_H
#define TRAINER_EXT_PARAMETERS_H

#include "../host.h"

#define TRAINER_EXT_PARAMETERS "trainer.parameters/1"

#define TRAINER_OF_MODEL 0u     /* "0.weight" ...: parameters, then buffers */
#define TRAINER_OF_GRADIENTS 1u /* the same names; a parameter without a gradient is left out */
#define TRAINER_OF_OPTIMIZER 2u /* "0.weight/exp_avg" ...: name of the parameter, a slash, the state */

/* As DLTensor in dlpack.h 1.x; codes as DLDataTypeCode and DLDeviceType there. */
typedef struct trainer_tensor {
  uint32_t struct_size; /* set by the plugin before the host fills the rest */
  uint32_t read_only;   /* 1: writing through `data` is an error of the plugin */
  void* data;           /* first element is at data + byte_offset */
  uint64_t byte_offset;
  const int64_t* shape;
  const int64_t* strides; /* in elements; never null */
  int32_t ndim;
  int32_t device_type; /* 1 CPU, 2 CUDA */
  int32_t device_id;
  uint32_t dtype_code; /* 0 int, 1 uint, 2 float, 4 bfloat, 6 bool */
  uint32_t dtype_bits;
  uint32_t dtype_lanes; /* 1 */
  void* stream;         /* the device's current stream; null on a CPU */
} trainer_tensor;
TRAINER_LAST_FIELD(trainer_tensor, stream);

/* Host side: from trainer_host.get_extension. */
typedef struct trainer_ext_parameters {
  uint32_t struct_size;
  uint32_t reserved;

  /* Number of tensors of one kind (TRAINER_OF_...); 0 for an unknown kind, for gradients outside of
   * the time between backward and the end of a step, and for an optimizer not yet made or without
   * state. [trainer-thread & event] */
  uint64_t(TRAINER_CALL* count)(const trainer_host* host, uint32_t of);

  /* Name and view of tensor `index`. TRAINER_NOT_FOUND past the end; TRAINER_ERROR for a tensor whose
   * struct_size is too small. [trainer-thread & event] */
  int32_t(TRAINER_CALL* at)(const trainer_host* host, uint32_t of, uint64_t index, trainer_text* name,
                            trainer_tensor* tensor);

  /* Copies the elements of tensor `index`, the last dimension first and without gaps, to `to` in the
   * CPU's memory, from any device, once all work on it is done. `size` is their number of bytes;
   * TRAINER_ERROR, and nothing is written, when it is not. TRAINER_NOT_FOUND past the end.
   * [trainer-thread & event] */
  int32_t(TRAINER_CALL* copy)(const trainer_host* host, uint32_t of, uint64_t index, void* to, uint64_t size);
} trainer_ext_parameters;
TRAINER_LAST_FIELD(trainer_ext_parameters, copy);

#endif
