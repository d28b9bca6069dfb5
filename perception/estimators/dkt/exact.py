"""The transformer as released: every token, every constant, no shortcut."""

import torch
from diffusers import WanTransformer3DModel
from torch import Tensor

from perception.estimators.dkt.schedule import Schedule
from perception.estimators.dkt.sizes import IMAGE_TOKENS, TEXT_TOKENS


class ExactTransformer:
    """Velocity of a window: 16 noisy channels, 16 of colour, zeros; zero CLIP image, padded prompt."""

    def __init__(self, transformer: WanTransformer3DModel, prompt: Tensor, schedule: Schedule) -> None:
        """prompt: its n real tokens (1, n, text_dim)."""
        self._transformer = transformer
        weight = transformer.patch_embedding.weight
        self._zero_channels = transformer.config.in_channels - 2 * transformer.config.out_channels
        # Exactly 512: diffusers tells image from text tokens by that number.
        padding = prompt.new_zeros(1, TEXT_TOKENS - prompt.shape[1], prompt.shape[2])
        self._prompt = torch.cat([prompt, padding], 1).to(weight)
        image_dim = transformer.config.image_dim
        self._image = None if image_dim is None else weight.new_zeros(1, IMAGE_TOKENS, image_dim)
        self._timesteps = schedule.timesteps.to(weight.device)

    def velocity(self, step: int, latents: Tensor, colors: Tensor) -> Tensor:
        """Of latents and colours (1, 16, T, h, w) in a step of the schedule."""
        batch, _, *grid = latents.shape
        zeros = latents.new_zeros(batch, self._zero_channels, *grid)
        return self._transformer(
            hidden_states=torch.cat([latents, colors, zeros], 1),
            timestep=self._timesteps[step].reshape(1),
            encoder_hidden_states=self._prompt,
            encoder_hidden_states_image=self._image,
            return_dict=False,
        )[0]
