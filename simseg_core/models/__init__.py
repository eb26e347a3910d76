"""The networks and their blocks: one paper, one module, in the order of the book.

U-Net (`unet`, `unet_padded`), residual units (`residual`, `unet_residual`, `resnet`,
`unet_resnet`), self-attention (`attention`, `unet_attention`), CBAM (`cbam`,
`unet_cbam`, `resnet_cbam`), atrous convolution (`atrous`, `aspp`, `deeplabv3`),
DeepLabV3+ (`separable`, `xception`, `mobilenet`, `deeplabv3plus`), HarDNet
(`hardblock`, `hardnet`, `fchardnet`). `layers` and `multiscale` are shared; `zoo`
builds networks by name, with the presets of `presets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
