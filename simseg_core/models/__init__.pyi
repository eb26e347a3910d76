"""What `from simseg_core.models import ...` gives; imported when it is asked for."""

from .aspp import ASPP as ASPP, ImagePooling as ImagePooling
from .attention import (
    SelfAttention2d as SelfAttention2d,
    SpatialSelfAttention2d as SpatialSelfAttention2d,
)
from .cbam import (
    CBAM as CBAM,
    ChannelAttention as ChannelAttention,
    SpatialAttention as SpatialAttention,
)
from .deeplabv3 import DeepLabV3 as DeepLabV3
from .deeplabv3plus import Decoder as Decoder, DeepLabV3Plus as DeepLabV3Plus
from .fchardnet import FCHarDNet as FCHarDNet
from .hardblock import HarDBlock as HarDBlock
from .hardnet import HarDNet as HarDNet
from .mobilenet import (
    MobileNetV2 as MobileNetV2,
    MobileNetV2Encoder as MobileNetV2Encoder,
)
from .multiscale import MultiScale as MultiScale
from .residual import BasicUnit as BasicUnit, BottleneckUnit as BottleneckUnit
from .resnet import ResNet as ResNet, ResNetEncoder as ResNetEncoder
from .resnet_cbam import ResNetCBAM as ResNetCBAM
from .separable import SeparableConv2d as SeparableConv2d
from .unet import UNet as UNet
from .unet_attention import (
    SpatialChannelAttention as SpatialChannelAttention,
    UNetAttention as UNetAttention,
)
from .unet_cbam import UNetCBAM as UNetCBAM
from .unet_padded import DoubleConv as DoubleConv, UNetPadded as UNetPadded
from .unet_residual import UNetResidual as UNetResidual
from .unet_resnet import UNetResNet as UNetResNet
from .xception import Xception as Xception, XceptionEncoder as XceptionEncoder
from .zoo import create_model as create_model, list_models as list_models
