"""Which of Hugging Face's TrainingArguments (transformers 5.23) the recipe may pass on. Names only: no imports.

A test holds these tables against the library's own.
"""

from __future__ import annotations

from snakelm.core.errors import did_you_mean


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PASSED_ON = _names("""
    adam_epsilon optim optim_args optim_target_modules activation_checkpointing activation_checkpointing_kwargs
    gradient_checkpointing gradient_checkpointing_kwargs neftune_noise_alpha
    tf32 torch_compile_backend torch_compile_mode torch_empty_cache_steps use_liger_kernel liger_kernel_config debug
    ddp_broadcast_buffers ddp_bucket_cap_mb ddp_find_unused_parameters ddp_static_graph ddp_timeout
    project trackio_bucket_id trackio_space_id trackio_static_space_id hub_private_repo
    """)
OWN_KEYS = {
    "max_steps": "steps",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "micro_batch_size",
    "gradient_accumulation_steps": "micro_batch_size",
    "auto_find_batch_size": "micro_batch_size",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "schedule",
    "lr_scheduler_kwargs": "schedule",
    "warmup_steps": "warmup",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "adam_beta1": "adam_beta1",
    "adam_beta2": "adam_beta2",
    "bf16": "precision",
    "fp16": "precision",
    "torch_compile": "compile",
    "seed": "seed",
    "data_seed": "seed",
    "use_cpu": "gpus",
    "eval_steps": "evaluation_steps",
    "eval_strategy": "evaluation_steps",
    "save_steps": "checkpoint_steps",
    "save_strategy": "checkpoint_steps",
    "save_total_limit": "keep_checkpoints",
    "load_best_model_at_end": "keep",
    "dataloader_num_workers": "data_workers",
    "report_to": "trackers",
}
"""Those that have a key of their own here."""
WITHOUT_EFFECT = _names("""
    output_dir run_name do_train do_eval do_predict resume_from_checkpoint ignore_data_skip
    restore_callback_states_from_checkpoint full_determinism
    label_smoothing_factor average_tokens_across_devices use_cache include_num_input_tokens_seen
    per_device_eval_batch_size prediction_loss_only eval_delay eval_on_start eval_do_concat_batches
    eval_use_gather_object eval_accumulation_steps include_for_metrics batch_eval_metrics bf16_full_eval
    fp16_full_eval metric_for_best_model greater_is_better
    save_only_model save_on_each_node enable_jit_checkpoint
    logging_strategy logging_steps logging_first_step log_on_each_node logging_nan_inf_filter log_level
    log_level_replica disable_tqdm skip_memory_metrics
    push_to_hub hub_token hub_model_id hub_strategy hub_always_push hub_revision
    dataloader_drop_last dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor
    dataloader_multiprocessing_context dataloader_in_order remove_unused_columns label_names
    train_sampling_strategy length_column_name
    accelerator_config parallelism_config ddp_backend fsdp fsdp_config deepspeed local_rank
    """)
"""Those that pretraining sets itself, or whose part of the stock Trainer it replaces (data, loss, checkpoints)."""


def refusal(name: str) -> str | None:
    """Why this one cannot be passed on, in one line; None if it can."""
    if name in PASSED_ON:
        return None
    if name in OWN_KEYS:
        return f"training_arguments.{name}: it is set by the key {OWN_KEYS[name]}"
    if name in WITHOUT_EFFECT:
        return f"training_arguments.{name}: pretraining sets it itself; leave it out"
    return f"training_arguments.{name}: unknown to transformers{did_you_mean(name, PASSED_ON | OWN_KEYS.keys())}"
