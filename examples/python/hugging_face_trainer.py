"""Hugging Face's Trainer with proximal steps and gradient accumulation (marked `proxprop`): a small BERT.

    python examples/python/hugging_face_trainer.py [--steps 60]

The model says which of three words a sentence of random words holds. Its layers stay as they are: a Preconditioner puts
the directions in the gradients' place before each optimizer step, one step for all micro-batches; queries, keys and
values share one Gram matrix; padding is no sample. Expected: accuracy after 60 steps above 90 %.
"""

import argparse
import tempfile
from typing import Any

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

import proxprop

WORDS, LENGTH = 40, 16


class ProximalStep(TrainerCallback):
    """proxprop: the Trainer calls this between the last backward pass of a step and the optimizer."""

    def __init__(self, preconditioner: proxprop.Preconditioner) -> None:
        self.preconditioner = preconditioner

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.preconditioner.step()


class MaskingTrainer(Trainer):
    """proxprop: padded positions are left out of the steps."""

    def compute_loss(self, model: torch.nn.Module, inputs: dict[str, Tensor], *args: Any, **kwargs: Any) -> Any:
        with proxprop.row_mask(inputs["attention_mask"].bool()):
            return super().compute_loss(model, inputs, *args, **kwargs)


def sentences(count: int) -> list[dict[str, Tensor]]:
    """Random words with one of the words 1, 2, 3 among them, which is the label plus one; 0 is padding."""
    result = []
    for _ in range(count):
        length = int(torch.randint(4, LENGTH + 1, ()))
        words = torch.zeros(LENGTH, dtype=torch.long)
        words[:length] = torch.randint(4, WORDS, (length,))
        label = torch.randint(3, ())
        words[torch.randint(length, ())] = label + 1
        result.append({"input_ids": words, "attention_mask": (words > 0).long(), "labels": label})
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    set_seed(0)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=LENGTH,
        num_labels=3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertForSequenceClassification(config)
    preconditioner = proxprop.Preconditioner(model, tau_theta=1.0)
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            max_steps=arguments.steps,
            per_device_train_batch_size=32,
            gradient_accumulation_steps=2,
            learning_rate=3e-3,
            max_grad_norm=0.0,  # the Trainer clips before the callback: clip V in the callback, if at all
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = MaskingTrainer(
            model, options, train_dataset=sentences(1024), callbacks=[ProximalStep(preconditioner)]
        )
        trainer.train()
    test = sentences(256)
    with torch.no_grad():
        inputs = {key: torch.stack([s[key] for s in test]) for key in test[0]}
        accuracy = (model.eval()(**inputs).logits.argmax(1) == inputs["labels"]).float().mean().item()
    print(f"accuracy after {arguments.steps} steps: {accuracy:.1%}")


if __name__ == "__main__":
    main()
