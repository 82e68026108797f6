"""What a report cites, numbered in the order in which it does."""

from __future__ import annotations

_SOURCES = {
    "unet": "Ronneberger O, Fischer P, Brox T (2015). U-Net: convolutional networks "
    "for biomedical image segmentation. MICCAI, LNCS 9351:234-241.",
    "unet-3d": "Çiçek Ö, Abdulkadir A, Lienkamp SS, Brox T, Ronneberger O (2016). 3D "
    "U-Net: learning dense volumetric segmentation from sparse annotation. MICCAI, "
    "LNCS 9901:424-432.",
    "residual": "Kerfoot E et al. (2019). Left-ventricle quantification using residual "
    "U-Net. STACOM 2018, LNCS 11395:371-380.",
    "shuffle": "Shi W et al. (2016). Real-time single image and video super-resolution "
    "using an efficient sub-pixel convolutional neural network. CVPR:1874-1883.",
    "basic": "Falk T et al. (2019). U-Net: deep learning for cell counting, detection, "
    "and morphometry. Nature Methods 16:67-70.",
    "attention": "Oktay O et al. (2018). Attention U-Net: learning where to look for "
    "the pancreas. MIDL; arXiv:1804.03999.",
    "segresnet": "Myronenko A (2019). 3D MRI brain tumor segmentation using "
    "autoencoder regularization. BrainLes 2018, LNCS 11384:311-320.",
    "nnunet": "Isensee F, Jaeger PF, Kohl SAA, Petersen J, Maier-Hein KH (2021). "
    "nnU-Net: a self-configuring method for deep learning-based biomedical image "
    "segmentation. Nature Methods 18:203-211.",
    "efficientnet": "Tan M, Le QV (2019). EfficientNet: rethinking model scaling for "
    "convolutional neural networks. ICML, PMLR 97:6105-6114.",
    "resnet": "He K, Zhang X, Ren S, Sun J (2016). Deep residual learning for image "
    "recognition. CVPR:770-778.",
    "dice-loss": "Milletari F, Navab N, Ahmadi SA (2016). V-Net: fully convolutional "
    "neural networks for volumetric medical image segmentation. 3DV:565-571.",
    "focal": "Lin TY, Goyal P, Girshick R, He K, Dollár P (2017). Focal loss for dense "
    "object detection. ICCV:2980-2988.",
    "tversky": "Salehi SSM, Erdogmus D, Gholipour A (2017). Tversky loss function for "
    "image segmentation using 3D fully convolutional deep networks. MLMI, LNCS "
    "10541:379-387.",
    "focal-tversky": "Abraham N, Khan NM (2019). A novel focal Tversky loss function "
    "with improved Attention U-Net for lesion segmentation. ISBI:683-687.",
    "generalised-dice": "Sudre CH et al. (2017). Generalised Dice overlap as a deep "
    "learning loss function for highly unbalanced segmentations. DLMIA, LNCS "
    "10553:240-248.",
    "adam": "Kingma DP, Ba J (2015). Adam: a method for stochastic optimization. ICLR.",
    "adamw": "Loshchilov I, Hutter F (2019). Decoupled weight decay regularization. "
    "ICLR.",
    "monai": "Cardoso MJ et al. (2022). MONAI: an open-source framework for deep "
    "learning in healthcare. arXiv:2211.02701.",
    "pytorch": "Paszke A et al. (2019). PyTorch: an imperative style, high-performance "
    "deep learning library. NeurIPS 32:8024-8035.",
    "dice": "Dice LR (1945). Measures of the amount of ecologic association between "
    "species. Ecology 26:297-302.",
    "iou": "Jaccard P (1912). The distribution of the flora in the alpine zone. New "
    "Phytologist 11:37-50.",
    "metrics": "Taha AA, Hanbury A (2015). Metrics for evaluating 3D medical image "
    "segmentation: analysis, selection, and tool. BMC Medical Imaging 15:29.",
    "hausdorff": "Huttenlocher DP, Klanderman GA, Rucklidge WJ (1993). Comparing "
    "images using the Hausdorff distance. IEEE TPAMI 15:850-863.",
    "surface-distance": "Heimann T et al. (2009). Comparison and evaluation of methods "
    "for liver segmentation from CT datasets. IEEE TMI 28:1251-1265.",
    "surface-dice": "Nikolov S et al. (2021). Clinically applicable segmentation of "
    "head and neck anatomy for radiotherapy. J Med Internet Res 23:e26151.",
    "bootstrap": "Davison AC, Hinkley DV (1997). Bootstrap Methods and their "
    "Application, section 3.8. Cambridge University Press.",
    "williams": "Williams GW (1976). Comparing the joint agreement of several raters "
    "with another rater. Biometrics 32:619-627.",
    "chalana": "Chalana V, Kim Y (1997). A methodology for evaluation of boundary "
    "detection algorithms on medical images. IEEE TMI 16:642-652.",
    "bland-altman": "Bland JM, Altman DG (1986). Statistical methods for assessing "
    "agreement between two methods of clinical measurement. Lancet 327:307-310.",
}


class References:
    """The sources that were cited so far."""

    def __init__(self) -> None:
        self._cited: list[str] = []

    def cite(self, *names: str) -> str:
        """Return the numbers of sources, as in ``[1, 4]``."""
        for name in names:
            if name not in _SOURCES:
                raise KeyError(name)
            if name not in self._cited:
                self._cited.append(name)
        return f"[{', '.join(str(self._cited.index(name) + 1) for name in names)}]"

    @property
    def listed(self) -> list[str]:
        """What was cited, in the order of its numbers."""
        return [_SOURCES[name] for name in self._cited]
