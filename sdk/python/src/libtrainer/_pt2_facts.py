# SPDX-License-Identifier: Apache-2.0
"""What transformers' Trainer finds out about a model with Python, for a Trainer that has none."""

import inspect
import json
import zlib

import torch


def forward_facts(model):
    """By the rules of Trainer.__init__, find_labels and _set_signature_columns_if_needed of transformers 5.23.0."""
    parameters = inspect.signature(model.forward).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    questions = "QuestionAnswering" in type(model).__name__
    labels = [p for p in parameters if "label" in p or questions and p in ("start_positions", "end_positions")]
    return {
        "signature_columns": [n for n, p in parameters.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)],
        "takes_any": takes_any,
        "label_names": labels,
        "accepts_loss_kwargs": bool(getattr(model, "accepts_loss_kwargs", takes_any)),
        "loss_shifts_labels": loss_shifts_labels(model),
        "label_smoother_shifts_labels": is_causal_model(model),
    }


def loss_shifts_labels(model):
    """Whether num_items_in_batch is counted over labels[..., 1:]."""
    if getattr(model, "loss_type", None) is None or getattr(
        getattr(model, "config", None), "is_encoder_decoder", False
    ):
        return False
    try:
        from transformers.loss.loss_utils import LOSS_MAPPING, ForCausalLMLoss
    except ImportError:
        return False
    return LOSS_MAPPING.get(model.loss_type) is ForCausalLMLoss


def is_causal_model(model):
    if not hasattr(model, "config"):
        return False
    try:
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    except ImportError:
        return False
    return type(model).__name__ in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


def facts(model, config_at_start, tensors, names):
    """All that is no matter of forward's arguments."""
    first, others = dict(model.named_parameters()), tied(model)
    main_input = getattr(model, "main_input_name", "input_ids")
    return {
        "model": type(model).__name__,
        "inputs": list(tensors),
        "outputs": list(names.values()),
        "keys_to_ignore_at_inference": ignored_outputs(model),
        "main_input_name": main_input,
        "flos_per_input": 6 * model.num_parameters(exclude_embeddings=True) if hasattr(model, "num_parameters") else 0,
        "parameter_order": list(first),
        "layer_norm_parameters": layer_norm_parameters(model),
        "tied": others,
        "saved_names": saved_names(model, others),
        "checksums": {n: checksum(t) for n, t in state(model).items() if n not in others},
        "config": json.loads(json.dumps(config_at_start, default=str)),
        "files": files(model),
    }


def ignored_outputs(model):
    if not hasattr(model, "config"):
        return []
    return list(getattr(model.config, "keys_to_ignore_at_inference", ["past_key_values"]))


def layer_norm_parameters(model):
    """The parameters within a torch.nn.LayerNorm, which transformers' get_parameter_names leaves out by its class.

    The module itself is not looked at, only its children; the other rules go by the names alone.
    """
    modules = dict(model.named_modules(remove_duplicate=False))

    def within(name):
        parts = name.split(".")
        return any(isinstance(modules[".".join(parts[:n])], torch.nn.LayerNorm) for n in range(1, len(parts)))

    return [name for name, _ in model.named_parameters() if within(name)]


def tied(model):
    """Each further name of a parameter or buffer, with its first."""
    first, others = {}, {}
    for name, tensor in [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]:
        if first.setdefault(id(tensor), name) != name:
            others[name] = first[id(tensor)]
    return others


def saved_names(model, others):
    """The names by which save_pretrained has weights that transformers has renamed since, each with the module's own.

    There are none when it makes other tensors of the weights, too.
    """
    if not is_pretrained(model):
        return {}
    try:
        from transformers.core_model_loading import revert_weight_conversion
        from transformers.modeling_utils import remove_tied_weights_from_state_dict
    except ImportError:
        return {}
    tensors = state(model)
    own = {(t.data_ptr(), t.shape): n for n, t in tensors.items() if n not in others}
    saved = revert_weight_conversion(model, remove_tied_weights_from_state_dict(dict(tensors), model))
    found = {name: own.get((tensor.data_ptr(), tensor.shape)) for name, tensor in saved.items()}
    return {} if None in found.values() else {n: found[n] for n in found if n not in tensors}


def is_pretrained(model):
    """Whether it is a transformers.PreTrainedModel, without importing transformers."""
    return any(
        c.__name__ == "PreTrainedModel" and c.__module__.startswith("transformers.") for c in type(model).__mro__
    )


def state(model):
    return {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, torch.Tensor)}


def checksum(tensor):
    """CRC-32 of the values in row-major order, as eight hexadecimal digits."""
    data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return f"{zlib.crc32(data.numpy()):08x}"


def files(model):
    """What save_pretrained writes beside the weights, by name."""
    if not is_pretrained(model):
        return {}
    model.config.architectures = [type(model).__name__]  # transformers_config() puts these two back
    model.config.dtype = str(model.dtype).split(".")[1]
    found = {"config.json": model.config.to_json_string()}
    if getattr(model, "can_generate", lambda: False)() and getattr(model, "generation_config", None) is not None:
        found["generation_config.json"] = model.generation_config.to_json_string(use_diff=True)
    return found
