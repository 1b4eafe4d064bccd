// SPDX-License-Identifier: Apache-2.0
//
// Empty: the target of the precompiled ATen/ATen.h.
