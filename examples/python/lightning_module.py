"""A Lightning module with proximal layers (marked `proxprop`): two spirals, told apart by a small network.

    python examples/python/lightning_module.py [--epochs 60]

Expected: loss after 60 epochs below 0.05. Lightning's automatic optimization, precision and clipping stay as they
are; with accumulate_grad_batches use a proxprop.Preconditioner instead, which joins micro-batches to one step.
"""

import argparse

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import proxprop


class Spirals(pl.LightningModule):
    """A fully connected network with proximal hidden layers."""

    def __init__(self, tau_theta: float = 1.0, lr: float = 0.02) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
        proxprop.convert(self.model, tau_theta=tau_theta)  # proxprop: all but the output layer
        self.loss = float("nan")

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        points, labels = batch
        loss = nn.functional.cross_entropy(self.model(points), labels)
        self.loss = loss.item()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


def spirals() -> TensorDataset:
    """Points on two spirals, 100 on each arm."""
    t = torch.linspace(0.5, 3.5, 100)
    arm = torch.stack([t * torch.cos(3 * t), t * torch.sin(3 * t)], 1)
    return TensorDataset(torch.cat([arm, -arm]), torch.arange(2).repeat_interleave(100))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    pl.seed_everything(0)
    module = Spirals()
    trainer = pl.Trainer(
        max_epochs=arguments.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(spirals(), batch_size=200))
    print(f"loss after {arguments.epochs} epochs: {module.loss:.4f}")


if __name__ == "__main__":
    main()
