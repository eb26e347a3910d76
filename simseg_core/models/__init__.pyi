"""What `from simseg_core.models import ...` gives; imported when it is asked for."""

from .aspp import (
    ASPP as ASPP,
)
from .aspp import (
    ImagePooling as ImagePooling,
)
from .attention import (
    SelfAttention2d as SelfAttention2d,
)
from .attention import (
    SpatialSelfAttention2d as SpatialSelfAttention2d,
)
from .cbam import (
    CBAM as CBAM,
)
from .cbam import (
    ChannelAttention as ChannelAttention,
)
from .cbam import (
    SpatialAttention as SpatialAttention,
)
from .deeplabv3 import (
    DeepLabV3 as DeepLabV3,
)
from .deeplabv3plus import (
    Decoder as Decoder,
)
from .deeplabv3plus import (
    DeepLabV3Plus as DeepLabV3Plus,
)
from .fchardnet import (
    FCHarDNet as FCHarDNet,
)
from .hardblock import (
    HarDBlock as HarDBlock,
)
from .hardnet import (
    HarDNet as HarDNet,
)
from .mobilenet import (
    MobileNetV2 as MobileNetV2,
)
from .mobilenet import (
    MobileNetV2Encoder as MobileNetV2Encoder,
)
from .multiscale import (
    MultiScale as MultiScale,
)
from .residual import (
    BasicUnit as BasicUnit,
)
from .residual import (
    BottleneckUnit as BottleneckUnit,
)
from .resnet import (
    ResNet as ResNet,
)
from .resnet import (
    ResNetEncoder as ResNetEncoder,
)
from .resnet_cbam import (
    ResNetCBAM as ResNetCBAM,
)
from .separable import (
    SeparableConv2d as SeparableConv2d,
)
from .unet import (
    UNet as UNet,
)
from .unet_attention import (
    SpatialChannelAttention as SpatialChannelAttention,
)
from .unet_attention import (
    UNetAttention as UNetAttention,
)
from .unet_cbam import (
    UNetCBAM as UNetCBAM,
)
from .unet_padded import (
    DoubleConv as DoubleConv,
)
from .unet_padded import (
    UNetPadded as UNetPadded,
)
from .unet_residual import (
    UNetResidual as UNetResidual,
)
from .unet_resnet import (
    UNetResNet as UNetResNet,
)
from .xception import (
    Xception as Xception,
)
from .xception import (
    XceptionEncoder as XceptionEncoder,
)
from .zoo import (
    create_model as create_model,
)
from .zoo import (
    list_models as list_models,
)
